// Tables that can be searched and sorted, figures that can be enlarged. Without it every page can still be read completely.
"use strict";

const language = document.documentElement.lang;
const collator = new Intl.Collator(language, { numeric: true });

// A cell's number: "−0.661", "1,234", "%72,2", "5:46" (a duration, in seconds); for "2.39 → 1.80" the first number.
function number(text) {
  const found = text.replace("−", "-").match(/^[%\s]*(-?)[%\s]*(\d[\d.,:]*(?:e[+-]?\d+)?)/i);
  if (!found) return null;
  const [thousands, decimal] = language === "tr" ? [".", ","] : [",", "."];
  const parts = found[2].split(":").map((part) => Number(part.replaceAll(thousands, "").replace(decimal, ".")));
  const value = parts.reduce((sum, part) => 60 * sum + part, 0);
  return found[1] ? -value : value;
}

function compare(one, other) {
  const numbers = [number(one), number(other)];
  if (numbers.every((value) => value !== null && !Number.isNaN(value))) return numbers[0] - numbers[1];
  return collator.compare(one, other);
}

const EMPTY = new Set(["", "—", "–", "NaN", "None"]);

function sort(table, heading) {
  const direction = heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
  for (const other of heading.parentElement.children) other.setAttribute("aria-sort", "none");
  heading.setAttribute("aria-sort", direction);
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [row.cells[heading.cellIndex]?.textContent.trim() ?? "", row]);
  const sign = direction === "ascending" ? 1 : -1;
  rows.sort(([one], [other]) => {
    if (EMPTY.has(one) || EMPTY.has(other)) return EMPTY.has(one) - EMPTY.has(other); // empty cells come last
    return sign * compare(one, other);
  });
  body.append(...rows.map(([, row]) => row));
}

function search(table, input, said) {
  const words = input.value.toLocaleLowerCase(language).split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of table.tBodies[0].rows) {
    const text = row.textContent.toLocaleLowerCase(language);
    row.hidden = !words.every((word) => text.includes(word));
    shown += !row.hidden;
  }
  const { none, rows } = document.body.dataset;
  said.value = words.length === 0 ? "" : shown === 0 ? none : rows.replace("{n}", shown);
}

function enlarge(image) {
  const dialog = document.createElement("dialog");
  dialog.className = "figure";
  dialog.setAttribute("aria-label", image.alt);
  const [bar, large] = [document.createElement("div"), image.cloneNode()];
  bar.className = "bar";
  large.removeAttribute("width");
  large.removeAttribute("height");
  const actual = () => dialog.classList.toggle("actual");
  const actions = [[document.body.dataset.showAll, actual], [document.body.dataset.close, () => dialog.close()]];
  for (const [label, action] of actions) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.addEventListener("click", action);
    bar.append(button);
  }
  large.addEventListener("click", actual);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  dialog.append(bar, large);
  document.body.append(dialog);
  dialog.showModal();
}

for (const button of document.querySelectorAll("button.enlarge")) {
  button.addEventListener("click", () => enlarge(button.querySelector("img")));
}
for (const button of document.querySelectorAll("table.sortable th button")) {
  button.addEventListener("click", () => sort(button.closest("table"), button.closest("th")));
}
for (const field of document.querySelectorAll(".search")) {
  const table = field.nextElementSibling.querySelector("table");
  const [input, said] = [field.querySelector("input"), field.querySelector("output")];
  input.addEventListener("input", () => search(table, input, said));
}
