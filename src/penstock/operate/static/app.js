// Pages work without this file. It refreshes what is marked live, copies, and listens to the keyboard.
(() => {
  "use strict";
  const rows = () => [...document.querySelectorAll("tbody tr[data-href]")];
  let at = -1;

  const move = (step) => {
    const all = rows();
    if (!all.length) return;
    all[at]?.classList.remove("at");
    at = Math.max(0, Math.min(all.length - 1, at + step));
    all[at].classList.add("at");
    all[at].scrollIntoView({ block: "nearest" });
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, textarea, button, a") && event.key !== "?") return;
    if (event.key === "/") {
      const search = document.querySelector("input[type=search]");
      if (search) { event.preventDefault(); search.focus(); }
    } else if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "Enter" && at >= 0) location.href = rows()[at].dataset.href;
    else if (event.key === "?") document.getElementById("keys")?.showModal();
  });

  document.addEventListener("click", async (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      await navigator.clipboard.writeText(document.getElementById(copy.dataset.copy).textContent);
      const before = copy.textContent;
      copy.textContent = "Copied";
      setTimeout(() => { copy.textContent = before; }, 1500);
    }
    const pause = event.target.closest("[data-pause]");
    if (pause) {
      const paused = pause.getAttribute("aria-pressed") !== "true";
      pause.setAttribute("aria-pressed", String(paused));
      pause.textContent = paused ? "Go on" : "Pause";
    }
  });

  const refresh = async (part) => {
    const paused = document.querySelector("[data-pause][aria-pressed=true]");
    if (paused || document.hidden) return;
    try {
      const answer = await fetch(location.href, { headers: { "X-Part": part.id } });
      if (!answer.ok || answer.redirected) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById(part.id);
      if (fresh && fresh.innerHTML !== part.innerHTML) part.innerHTML = fresh.innerHTML;
    } catch { /* the server is restarting; the next look finds it */ }
  };
  for (const part of document.querySelectorAll("[data-live]")) setInterval(() => refresh(part), 2000);
})();
