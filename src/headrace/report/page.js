"use strict";
(() => {
const root = document.documentElement;
// Light, dark, or what the system says.
const toggle = document.createElement("button");
const dark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const label = () => { toggle.textContent = dark() ? "Light" : "Dark"; toggle.setAttribute("aria-label", "Show in " + toggle.textContent.toLowerCase() + " colours"); };
toggle.type = "button";
toggle.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; label(); });
label();
document.querySelector(".bar").append(toggle);
// Tables sort by any of their columns; what has no value stays last, whichever way up.
const value = (row, at) => { const cell = row.cells[at]; const text = "value" in cell.dataset ? cell.dataset.value : cell.textContent.trim(); return text === "" ? null : "value" in cell.dataset ? Number(text) : text; };
const order = (a, b, sign) => a === b ? 0 : a === null ? 1 : b === null ? -1 : sign * (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true }));
for (const table of document.querySelectorAll("table.sortable")) {
const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
heads.forEach((head, at) => {
const button = document.createElement("button");
button.type = "button";
button.append(...head.childNodes);
head.append(button);
button.addEventListener("click", () => {
const down = head.getAttribute("aria-sort") === "ascending" || (!head.hasAttribute("aria-sort") && head.classList.contains("num"));
heads.forEach((other) => other.removeAttribute("aria-sort"));
head.setAttribute("aria-sort", down ? "descending" : "ascending");
const rows = [...body.rows].map((row) => [value(row, at), row]);
rows.sort(([a], [b]) => order(a, b, down ? -1 : 1));
body.append(...rows.map(([, row]) => row));
});
});
// Long ones can be searched.
if (body.rows.length > 20) {
const field = document.createElement("input");
field.type = "search";
field.placeholder = "Show rows with …";
field.className = "filter";
field.setAttribute("aria-label", "Show only rows of this table that contain");
field.addEventListener("input", () => { const wanted = field.value.toLowerCase(); for (const row of body.rows) row.hidden = !row.textContent.toLowerCase().includes(wanted); });
table.parentElement.before(field);
}
}
// Tiles sort by what they say of themselves: numbers from the largest, but for the order they came in.
for (const grid of document.querySelectorAll(".grid[data-sort]")) {
  const bar = document.createElement("p");
  bar.className = "sort";
  bar.append("Sort by ");
  for (const word of grid.dataset.sort.split(" ")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = word;
    button.addEventListener("click", () => {
      const read = (tile) => { const text = tile.dataset[word]; return text === "" ? null : word === "name" ? text : Number(text); };
      const tiles = [...grid.children].map((tile) => [read(tile), tile]);
      tiles.sort(([a], [b]) => order(a, b, word === "name" || word === "order" ? 1 : -1));
      grid.append(...tiles.map(([, tile]) => tile));
      bar.querySelectorAll("button").forEach((other) => other.setAttribute("aria-pressed", other === button));
    });
    bar.append(button, " ");
  }
  grid.before(bar);
}
})();
