// The theme adds a landmark with the copy button to each block of code: each gets a name of its own.
new MutationObserver(() => {
  for (const nav of document.querySelectorAll(".md-code__nav:not([aria-label])")) {
    nav.setAttribute("aria-label", `Copy ${nav.parentElement.id}`);
  }
}).observe(document.documentElement, { childList: true, subtree: true });
