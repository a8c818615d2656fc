"use strict";
// Keeps a page up to date: fetches it again and puts in place what differs. Without this the page says the same.
(() => {
// What was chosen holds for all pages: the server sends them in it.
const toggle = document.querySelector(".bar > button");
toggle.addEventListener("click", () => { document.cookie = "headrace_theme=" + document.documentElement.dataset.theme + "; path=/; max-age=31536000; samesite=strict"; });
const main = document.getElementById("content");
const note = document.getElementById("live");
let wait = Number(main.dataset.live);
const log = () => document.getElementById("log");
const isAtEnd = (pre) => pre.scrollHeight - pre.scrollTop - pre.clientHeight < 40;
const follow = (pre) => { pre.scrollTop = pre.scrollHeight; };
if (log() && wait) follow(log());
// A log grows at its end: only what is new is asked for.
const grow = async () => {
const pre = log();
if (!pre) return;
for (let piece = 0; piece < 16; piece += 1) {
const told = await fetch(pre.dataset.log + "?after=" + pre.dataset.next, { headers: { accept: "text/plain" } });
if (!told.ok) return;
const text = await told.text();
if (!text) return;
const atEnd = isAtEnd(pre);
pre.append(text);
pre.dataset.next = told.headers.get("x-next");
if (atEnd) follow(pre);
}
};
const isBusy = () => { const on = document.activeElement; return on && main.contains(on) && /^(INPUT|SELECT|TEXTAREA)$/.test(on.tagName) || String(getSelection()).length > 0; };
// What somebody ticked, chose or wrote and has not sent yet, by the field's form, name and, of a box, its value.
const fields = (of) => [...of.querySelectorAll("input, select")].filter((one) => one.type !== "hidden" && one.type !== "file");
const isBox = (one) => one.type === "checkbox" || one.type === "radio";
const asks = (one) => one.form ? [one.form.getAttribute("action"), one.form.elements.step ? one.form.elements.step.value : ""] : [];
const named = (one) => [...asks(one), one.name, isBox(one) ? one.value : ""].join(" ");
const isChanged = (one) => isBox(one) ? one.checked !== one.defaultChecked : one.options ? [...one.options].some((each) => each.selected !== each.defaultSelected) : one.value !== one.defaultValue;
const replace = (fresh) => {
const given = new Map(fields(main).filter(isChanged).map((one) => [named(one), one]));
const keep = log(), next = fresh.querySelector("#log");
const scrolls = [...main.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
const focused = [...main.querySelectorAll("a, button, [tabindex]")].indexOf(document.activeElement);
const open = [...main.querySelectorAll("details")].map((one) => one.open);
// The log that is here has all that was printed, and the place where somebody reads.
if (keep && next && keep.dataset.log === next.dataset.log) { const top = keep.scrollTop; next.replaceWith(keep); requestAnimationFrame(() => { keep.scrollTop = top; }); }
main.replaceChildren(...fresh.childNodes);
fields(main).forEach((one) => { const was = given.get(named(one)); if (was) { if (isBox(one)) one.checked = was.checked; else one.value = was.value; } });
main.querySelectorAll(".scroll").forEach((one, at) => { one.scrollLeft = scrolls[at] || 0; });
main.querySelectorAll("details").forEach((one, at) => { one.open = open[at] || one.open; });
if (focused >= 0) { const again = main.querySelectorAll("a, button, [tabindex]")[focused]; if (again) again.focus({ preventScroll: true }); }
};
let before = "";
const turn = async () => {
try {
await grow();
const told = await fetch(location.href, { headers: { accept: "text/html" } });
if (told.redirected) { location.reload(); return; }
const text = await told.text();
const page = new DOMParser().parseFromString(text, "text/html");
const fresh = page.getElementById("content");
if (fresh) {
wait = Number(fresh.dataset.live);
const marks = (html) => html.replace(/name="mark" value="[^"]*"/g, "");
const now = marks(fresh.innerHTML);
// The first time there is no page to compare with but this one, to which the script has added: by what it says, then.
// The last look waits until nobody writes or marks anything.
if (now !== before && isBusy()) wait = wait || 1000;
else if (now !== before) { if (before || !wait || fresh.textContent !== main.textContent) replace(fresh); before = now; }
if (!wait) await grow();
}
if (note) note.textContent = wait ? "it is kept up to date" : "it has ended";
} catch {
if (note) note.textContent = "the server does not answer; trying again";
wait = wait || 3000;
}
if (wait) setTimeout(turn, document.hidden ? Math.max(wait, 5000) : wait);
};
if (wait) setTimeout(turn, wait);
})();
