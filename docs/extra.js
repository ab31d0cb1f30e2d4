// The theme adds a landmark with the copy button to each block of code: each gets a name of its own.
new MutationObserver(() => {
  for (const nav of document.querySelectorAll(".md-code__nav:not([aria-label])")) {
    nav.setAttribute("aria-label", `Copy ${nav.parentElement.id}`);
  }
}).observe(document.documentElement, { childList: true, subtree: true });
// Parts of the contents that are called alike (a class and its module) are landmarks of one name: each gets its number.
document.addEventListener("DOMContentLoaded", () => {
  const seen = new Map();
  for (const nav of document.querySelectorAll("nav.md-nav[aria-label]")) {
    const name = nav.getAttribute("aria-label"), before = seen.get(name.toLowerCase()) ?? 0;
    seen.set(name.toLowerCase(), before + 1);
    if (before) nav.setAttribute("aria-label", `${name} (${before + 1})`);
  }
});
