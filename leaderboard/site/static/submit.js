"use strict";
// Sends a file with the team's token, and watches a submission until it is scored.
(function () {
  const form = document.getElementById("submit"), state = document.getElementById("state");

  async function send(event) {
    event.preventDefault();
    const data = new FormData(form), said = document.getElementById("said"), button = form.querySelector("button");
    const board = form.elements.board.selectedOptions[0];
    const query = new URLSearchParams({ name: data.get("name"), world: board.dataset.world });
    query.set("field_groups", data.getAll("groups").join("+") || "-");
    for (const key of ["code_url", "paper_url", "external_data"]) if (data.get(key)) query.set(key, data.get(key));
    button.disabled = true;
    said.textContent = "Sending…";
    try {
      const answer = await fetch(form.dataset.api + board.value + "?" + query, {
        method: "PUT",
        body: data.get("file"),
        headers: { Authorization: "Bearer " + data.get("token"), "Content-Type": "application/octet-stream" },
      });
      const told = await answer.json();
      if (answer.ok) location.href = told.page;
      else said.textContent = told.title + ": " + told.detail;
    } catch {
      said.textContent = "The server did not answer, or refused the file before it was read: check its size, and try again.";
    }
    button.disabled = false;
  }

  async function watch() {
    while (["queued", "running"].includes(state.dataset.state)) {
      await new Promise((done) => setTimeout(done, 1000));
      try {
        const told = await (await fetch(state.dataset.api)).json();
        if (!told.state) continue;
        if (told.state === "finished" || told.state === "failed") return location.reload();
        state.dataset.state = told.state;
        state.className = "state " + told.state;
        document.getElementById("progress").textContent =
          told.state === "queued" ? told.ahead + " ahead of it" : told.progress || "starting";
        for (const step of state.querySelectorAll(".track-steps li")) {
          const here = step.textContent === told.state;
          step.className = here ? "on" : "";
          if (here) step.setAttribute("aria-current", "step"); else step.removeAttribute("aria-current");
        }
      } catch { /* it may be restarting: ask again */ }
    }
  }

  if (form) form.addEventListener("submit", send);
  if (state) watch();
})();
