// Asks the server that this page came from, and says what it answered. Everything that came from a server or a person
// is put in as text.
"use strict";
(() => {
  const form = document.getElementById("row");
  const result = document.getElementById("result");
  const endpoint = form.dataset.endpoint;
  const at = `/v1/models/${encodeURIComponent(endpoint)}`;

  const element = (name, attributes, ...content) => {
    const svg = ["svg", "rect", "line"].includes(name);
    const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
    made.append(...content);
    return made;
  };

  // A field as JSON; undefined where it is no value of its column. Whole numbers are passed on digit by digit, because
  // a number of JavaScript holds them to 2^53 only.
  const written = (field) => {
    const text = field.value;
    if (field.dataset.kind === "boolean") return text || "null";
    if (text === "" && !(field.dataset.kind === "text" && field.required)) return field.required ? undefined : "null";
    if (field.dataset.kind === "integer") return /^-?\d+$/.test(text.trim()) ? text.trim().replace(/^(-?)0+(?=\d)/, "$1") : undefined;
    if (field.dataset.kind === "number") return text.trim() !== "" && Number.isFinite(Number(text)) ? String(Number(text)) : undefined;
    return JSON.stringify(text);
  };

  const body = () => {
    const parts = [];
    let wrong = null;
    for (const field of form.querySelectorAll("[data-kind]")) {
      const value = written(field);
      field.setAttribute("aria-invalid", value === undefined ? "true" : "false");
      if (value === undefined && !wrong) wrong = field;
      parts.push(`${JSON.stringify(field.name)}: ${value}`);
    }
    if (wrong) wrong.focus();
    return wrong ? null : `{"instances": [{${parts.join(", ")}}]}`;
  };

  const ask = async (verb, text) => {
    const answer = await fetch(`${at}:${verb}`, { method: "POST", headers: { "content-type": "application/json" }, body: text });
    const said = await answer.json();
    if (!answer.ok) throw new Error(said.error || `status ${answer.status}`);
    return [said, answer.headers];
  };

  const figure = (value) => {
    if (value === null || value === undefined) return "null";
    const size = Math.abs(value);
    return size !== 0 && (size < 1e-4 || size >= 1e7) ? value.toExponential(3) : String(Number(value.toPrecision(5)));
  };

  const total = (value) => (Array.isArray(value) ? value.reduce((sum, one) => sum + Math.abs(one || 0), 0) : Math.abs(value || 0));

  // A bar from the middle: to the right what adds, to the left what takes away. The figure beside it says the same.
  const bar = (value, most) => {
    const width = most ? (Math.abs(value) / most) * 70 : 0;
    return element(
      "svg",
      { width: 150, height: 16, viewBox: "0 0 150 16", "aria-hidden": "true", focusable: "false" },
      element("rect", { x: value < 0 ? 75 - width : 75, y: 3, width, height: 10, class: value < 0 ? "takes" : "adds" }),
      element("line", { x1: 75, y1: 0, x2: 75, y2: 16, class: "middle" }),
    );
  };

  const facts = (pairs) => {
    const list = element("dl", { class: "facts small" });
    for (const [word, value] of pairs) list.append(element("div", {}, element("dt", {}, word), element("dd", {}, value)));
    return list;
  };

  const why = (told) => {
    const parts = Object.entries(told.contributions).sort((a, b) => total(b[1]) - total(a[1]));
    const isOne = parts.every(([, value]) => !Array.isArray(value));
    const most = Math.max(...parts.map(([, value]) => total(value)), 0);
    const rows = parts.map(([name, value]) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, element("bdi", {}, name)),
        element("td", { class: "number" }, isOne ? (value > 0 ? "+" : "") + figure(value) : value.map(figure).join(", ")),
        element("td", {}, ...(isOne ? [bar(value, most)] : [])),
      ),
    );
    const exact = told.method === "tree_shap";
    const how = exact
      ? `Exact Shapley values: with the base ${[].concat(told.base).map(figure).join(", ")}, the mean over rows of the data, they add up to the ${told.output} ${[].concat(told[told.output]).map(figure).join(", ")}.`
      : `Occlusion: what the ${told.output} loses when a column is given the values of other rows. Columns that act together do not add up.`;
    const head = element("tr", {}, element("th", { scope: "col" }, "column"), element("th", { scope: "col", class: "number" }, "adds"), element("td", {}));
    return [
      element("h2", {}, "Why"),
      element("p", { class: "note" }, how),
      element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "What each column adds" }, element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows))),
    ];
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = body();
    if (text === null) {
      result.replaceChildren(element("p", { class: "bad tone", role: "alert" }, "A field holds no value of its column: it is marked."));
      return;
    }
    const command = `curl ${location.origin}${at}:predict -H 'content-type: application/json' -d '${text.replaceAll("'", "'\\''")}'`;
    const started = performance.now();
    try {
      const [said, headers] = await ask("predict", text);
      const took = performance.now() - started;
      const prediction = said.predictions[0];
      const shown = [
        element("h2", { tabindex: "-1" }, Array.isArray(prediction) ? prediction.map(figure).join(", ") : figure(prediction)),
        element("p", { class: "note" }, form.dataset.meaning),
        facts([
          ["version", headers.get("headrace-version") || ""],
          ["request", headers.get("headrace-request-id") || ""],
          ["took", `${took.toFixed(1)} ms`],
        ]),
      ];
      result.replaceChildren(...shown, element("p", { class: "quiet" }, "asking why …"));
      try {
        const [told] = await ask("explain", text);
        shown.push(...why(told.explanations[0]));
      } catch (error) {
        shown.push(element("p", { class: "note" }, `No explanation: ${error.message}`));
      }
      shown.push(element("h2", {}, "The same from a shell"), element("pre", {}, element("code", {}, command)));
      result.replaceChildren(...shown);
    } catch (error) {
      result.replaceChildren(element("p", { class: "bad", role: "alert" }, error.message), element("pre", {}, element("code", {}, command)));
    }
  });
})();
