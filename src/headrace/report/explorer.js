"use strict";
(() => {
// What deciding at a threshold means and costs; the table below says the same at a few of them.
const share = (value) => (100 * value).toFixed(1) + " %";
const add = (parent, name, properties) => { const made = Object.assign(document.createElement(name), properties); parent.append(made); return made; };
for (const box of document.querySelectorAll(".explorer")) {
const points = JSON.parse(box.dataset.points), rate = Number(box.dataset.rate);
const form = document.createElement("form"), facts = add(form, "dl", { className: "facts small" });
form.addEventListener("submit", (event) => event.preventDefault());
const control = (words, properties) => { const label = add(form, "label", { textContent: words + " " }); return add(label, "input", properties); };
const slider = control("Threshold", { type: "range", min: 0, max: points.length - 1, step: 1 });
const wrong = ["A false yes costs", "A false no costs"].map((words) => control(words, { type: "number", min: 0, step: "any", value: 1 }));
const cheapest = add(form, "button", { type: "button", textContent: "Cheapest threshold" });
const cost = ([, yes, no]) => (Number(wrong[0].value) || 0) * no + (Number(wrong[1].value) || 0) * (rate - yes);
const tell = (words, text) => { const one = add(facts, "div", {}); add(one, "dt", { textContent: words }); add(one, "dd", { textContent: text }); };
const draw = () => {
const [threshold, yes, no] = points[slider.value];
facts.replaceChildren();
tell("At or above", threshold.toPrecision(3));
tell("Rows said yes to", share(yes + no));
tell("Precision", yes + no > 0 ? share(yes / (yes + no)) : "–");
tell("Recall", share(yes / rate));
tell("False positive rate", share(no / (1 - rate)));
tell("Cost a row", cost(points[slider.value]).toPrecision(3));
slider.setAttribute("aria-valuetext", threshold.toPrecision(3));
};
const nearest = points.reduce((best, point, at) => Math.abs(point[0] - 0.5) < Math.abs(points[best][0] - 0.5) ? at : best, 0);
slider.value = nearest;
cheapest.addEventListener("click", () => { slider.value = points.reduce((best, point, at) => cost(point) < cost(points[best]) ? at : best, 0); draw(); });
for (const field of [slider, ...wrong]) field.addEventListener("input", draw);
facts.setAttribute("aria-live", "polite");
form.append(facts);
draw();
box.prepend(form);
}
})();
