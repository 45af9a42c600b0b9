// Pages work without this file. It refreshes what is marked live, copies, and listens to the keyboard.
(() => {
  "use strict";
  const REFRESH_MS = 1000, WITHOUT_STREAM_MS = 5000;
  const rows = () => [...document.querySelectorAll("tbody tr[data-href]")];
  let at = "";

  const mark = () => {
    for (const row of rows()) row.classList.toggle("at", row.dataset.href === at);
  };

  const move = (step) => {
    const all = rows();
    if (!all.length) return;
    const here = all.findIndex((row) => row.dataset.href === at);
    const next = all[Math.max(0, Math.min(all.length - 1, here + step))];
    at = next.dataset.href;
    mark();
    next.scrollIntoView({ block: "nearest" });
    // The link in the row takes the focus: so Enter opens it, and a screen reader reads it.
    next.querySelector("a")?.focus({ preventScroll: true });
  };

  const search = (event) => {
    event.preventDefault();
    const field = document.querySelector("input[type=search]");
    if (field) field.focus();
    else if (document.querySelector("nav a[href='/live']")) location.href = "/live#person";
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, textarea, dialog")) return;
    if (event.key === "/") search(event);
    else if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "Enter" && at && !event.target.closest("a, button, summary")) location.href = at;
    else if (event.key === "Escape") document.querySelectorAll(".tool[open]").forEach((each) => { each.open = false; });
    else if (event.key === "?") document.getElementById("keys")?.showModal();
  });
  if (location.hash === "#person") document.getElementById("person")?.focus();

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
      if (!paused) refresh();
    }
  });

  // A question about what is typed, before it is kept: nothing of the page is lost, the key least of all.
  const ask = async (button) => {
    const form = button.form, into = document.getElementById(button.dataset.into);
    if (!form.reportValidity()) return;
    button.disabled = true;
    into.textContent = "…";
    form.querySelectorAll(".wrong").forEach((each) => each.remove());
    form.querySelectorAll("[aria-invalid]").forEach((each) => each.removeAttribute("aria-invalid"));
    try {
      const answer = await fetch(button.dataset.ask, { method: "POST", body: new URLSearchParams(new FormData(form)) });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const wrong of page.querySelectorAll(".wrong")) {
        const field = form.elements[wrong.id.replace(/-wrong$/, "")];
        if (!field) continue;
        field.setAttribute("aria-invalid", "true");
        field.after(wrong);
        field.closest("details")?.setAttribute("open", "");
      }
      const said = page.getElementById(into.id) ?? page.querySelector("main");
      into.replaceChildren(...said.childNodes);
    } catch { into.textContent = "No answer; try again."; }
    button.disabled = false;
  };
  for (const button of document.querySelectorAll("[data-ask]")) {
    button.hidden = false;
    button.addEventListener("click", () => ask(button));
  }

  // Times stand in UTC in the page. People live somewhere: they see their own clock, UTC under the pointer.
  const two = (number) => String(number).padStart(2, "0");
  const clock = (at) => `${two(at.getHours())}:${two(at.getMinutes())}`;
  const day = (at) => `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const exact = (at) => `${day(at)} ${clock(at)}:${two(at.getSeconds())}`;
  const ago = (at) => {
    const seconds = Math.max(0, (Date.now() - at) / 1000);
    if (seconds < 60) return `${Math.floor(seconds)} s ago`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
    return seconds < 86400 ? `${Math.floor(seconds / 3600)} h ago` : `${Math.floor(seconds / 86400)} d ago`;
  };
  const FORMS = { clock, second: (at) => exact(at).slice(11), day: (at) => at.toLocaleDateString("en", { month: "short", day: "numeric" }) };
  const localTimes = (root) => {
    for (const each of root.querySelectorAll("time[datetime]")) {
      const at = new Date(each.dateTime);
      if (!each.title) each.title = `${each.dateTime.slice(0, 19).replace("T", " ")} UTC`;
      const text = (FORMS[each.dataset.form] || exact)(at);
      each.textContent = "ago" in each.dataset ? `${day(at) === day(new Date()) ? text.slice(11) : text}, ${ago(at)}` : text;
    }
    for (const each of root.querySelectorAll("title[data-at]")) {
      each.textContent = each.textContent.replace(/^.*/, exact(new Date(each.dataset.at)));
      each.removeAttribute("data-at");
    }
  };
  localTimes(document);
  setInterval(() => localTimes(document), 10000);

  // A form asks for times by the viewer's own clock, and sends them in UTC: an address means the same to everybody.
  for (const form of document.querySelectorAll("form[data-local-times]")) {
    const fields = [...form.querySelectorAll("input[type=datetime-local]")];
    for (const field of fields) {
      if (field.value) field.value = exact(new Date(`${field.value}Z`)).replace(" ", "T");
      field.addEventListener("input", () => { form.elements.range.value = ""; });
    }
    form.elements.range.addEventListener("change", () => { for (const field of fields) field.value = ""; });
    for (const each of form.querySelectorAll(".zone")) each.textContent = "(your time)";
    form.addEventListener("formdata", (event) => {
      for (const { name, value } of fields) if (value) event.formData.set(name, `${new Date(value).toISOString().slice(0, 19)}Z`);
      // What was not filled in is not in the address.
      for (const [name, value] of [...event.formData]) if (!value) event.formData.delete(name);
    });
  }

  const parts = () => [...document.querySelectorAll("[data-live]")];

  // What a person is looking at stays: opened tables, how far a table was scrolled, the row with the focus.
  const replace = (part, fresh) => {
    const open = [...part.querySelectorAll("details")].map((each) => each.open);
    const scrolled = [...part.querySelectorAll(".scroll")].map((each) => each.scrollLeft);
    const focused = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    part.innerHTML = fresh.innerHTML;
    localTimes(part);
    part.querySelectorAll("details").forEach((each, n) => { each.open = open[n] ?? false; });
    part.querySelectorAll(".scroll").forEach((each, n) => { each.scrollLeft = scrolled[n] ?? 0; });
    if (focused) [...part.querySelectorAll("a")].find((a) => a.getAttribute("href") === focused)?.focus({ preventScroll: true });
    mark();
  };

  const isPaused = () => document.hidden || document.querySelector("[data-pause][aria-pressed=true]");
  const isBusy = (part) => part.contains(document.activeElement) && document.activeElement.matches("input, select, textarea");

  let asking = false, again = false;
  const refresh = async () => {
    if (isPaused()) return;
    if (asking) { again = true; return; }
    asking = true;
    try {
      // A page that answered a form has an address that cannot be asked again, so its part says which one can.
      const answer = await fetch(parts()[0].dataset.live || location.href);
      if (answer.ok && !answer.redirected) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const part of parts()) {
          const fresh = page.getElementById(part.id);
          if (fresh && !isBusy(part) && fresh.innerHTML !== part.dataset.seen) {
            part.dataset.seen = fresh.innerHTML;
            replace(part, fresh);
          }
        }
      }
    } catch { /* the server is restarting; the next word finds it */ }
    setTimeout(() => { asking = false; if (again) { again = false; refresh(); } }, REFRESH_MS);
  };

  // One stream for each page that is looked at: browsers allow few, so a hidden page gives its own back.
  // It begins where the page was made: what happened since is told at once.
  let stream = null, timer = null, since = document.body.dataset.mark;
  const listen = () => {
    if (document.hidden) { stream?.close(); stream = null; clearInterval(timer); timer = null; return; }
    if (stream || timer) return;
    stream = new EventSource(`/changes?since=${since}`);
    stream.onmessage = (word) => { since = word.lastEventId; refresh(); };
    stream.onerror = () => {
      if (stream?.readyState !== EventSource.CLOSED) return;
      stream = null;
      timer ??= setInterval(refresh, WITHOUT_STREAM_MS);
    };
  };
  if (parts().length) {
    document.querySelector("[data-pause]")?.removeAttribute("hidden");
    document.addEventListener("visibilitychange", () => { listen(); refresh(); });
    // What waits grows older though nothing happens.
    setInterval(refresh, 10 * WITHOUT_STREAM_MS);
    listen();
  }
})();
