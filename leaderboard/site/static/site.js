"use strict";
// Theme, and sorting and filtering of boards that stand in the page whole. Pages work without it.
(function () {
  const root = document.documentElement;
  let kept = null;
  try { kept = localStorage.getItem("theme"); } catch { /* a browser may refuse storage */ }
  if (kept === "dark" || kept === "light") root.dataset.theme = kept;

  function theme() {
    const button = document.getElementById("theme");
    button.hidden = false;
    button.addEventListener("click", function () {
      const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
      try { localStorage.setItem("theme", root.dataset.theme); } catch { /* it lasts for this page then */ }
    });
  }

  function value(row, column) {
    const cell = row.cells[column];
    const time = cell.querySelector("time");
    const text = time ? time.dateTime : cell.dataset.value || cell.textContent.trim();
    const number = time ? NaN : Number(text);
    return text === "–" ? null : Number.isNaN(number) ? text.toLowerCase() : number;
  }

  function sorting(table) {
    table.querySelectorAll("button.sort").forEach(function (button) {
      button.addEventListener("click", function () {
        const head = button.parentElement, column = head.cellIndex, before = head.getAttribute("aria-sort");
        const first = button.dataset.first === "asc" ? "ascending" : "descending";
        const now = !before ? first : before === "ascending" ? "descending" : "ascending";
        table.querySelectorAll("th[aria-sort]").forEach((h) => h.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", now);
        const sign = now === "ascending" ? 1 : -1, body = table.tBodies[0];
        const rows = Array.from(body.rows, (row) => [value(row, column), row]);
        rows.sort(function ([a], [b]) {
          if (a === null || b === null) return (a === null) - (b === null);
          return sign * (a < b ? -1 : a > b ? 1 : 0);
        });
        body.append(...rows.map((pair) => pair[1]));
      });
    });
  }

  function filtering(table, form) {
    function apply() {
      const data = new FormData(form), groups = data.getAll("groups"), text = (data.get("text") || "").toLowerCase();
      for (const row of table.tBodies[0].rows) {
        const used = row.dataset.fields.split("+").filter((g) => g !== "-");
        const shown = (!groups.length || used.every((g) => groups.includes(g)))
          && row.querySelector("th").textContent.toLowerCase().includes(text)
          && (!data.get("mark") || row.dataset.mark === data.get("mark"));
        row.hidden = !shown;
      }
    }
    form.addEventListener("input", apply);
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  document.addEventListener("DOMContentLoaded", function () {
    theme();
    const table = document.getElementById("board"), form = document.getElementById("filters");
    if (!table || !table.querySelector("button.sort")) return;
    sorting(table);
    if (form) filtering(table, form);
  });
})();
