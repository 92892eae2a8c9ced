"""How does the page keep itself up to date? It asks for itself, and takes over what has changed.

Scroll, focus, what is folded open and what is selected stay as they are; while nobody looks nothing
is asked. Without the script the page reloads itself.
"""

from __future__ import annotations

from typing import Final

EVERY_S: Final = 30

SCRIPT: Final = """
(() => {
  "use strict";
  const everyMs = EVERY_MS;
  const told = document.getElementById("told");
  let busy = false;
  let shownAt = new Date();

  const say = (words) => {
    // shown first: only what changes in sight is read aloud
    told.hidden = words === "";
    if (told.textContent !== words) told.textContent = words;
  };

  const isSelected = (part) => {
    const selection = getSelection();
    return !selection.isCollapsed && selection.containsNode(part, true);
  };

  const take = (part, fresh) => {
    if (part.innerHTML === fresh.innerHTML || isSelected(part)) return;
    const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
    const scrolled = new Map();
    for (const old of part.querySelectorAll("[id]")) {
      const now = fresh.querySelector("#" + CSS.escape(old.id));
      if (now === null) continue;
      if (old.open) now.open = true;
      if (old.scrollLeft) scrolled.set(old.id, old.scrollLeft);
    }
    if (part.innerHTML === fresh.innerHTML) return;
    part.replaceChildren(...fresh.childNodes);
    for (const [id, left] of scrolled) document.getElementById(id).scrollLeft = left;
    const again = focused && document.getElementById(focused);
    if (again) again.focus({ preventScroll: true });
  };

  const renew = async () => {
    if (document.hidden || busy) return;
    busy = true;
    try {
      const reply = await fetch("/", { signal: AbortSignal.timeout(10000) });
      if (!reply.ok) throw new Error(reply.statusText);
      const page = new DOMParser().parseFromString(await reply.text(), "text/html");
      if (page.documentElement.dataset.made !== document.documentElement.dataset.made) {
        location.reload();
        return;
      }
      for (const part of document.querySelectorAll("[data-live]")) {
        take(part, page.getElementById(part.id));
      }
      shownAt = new Date();
      say("");
    } catch {
      say("ccpush does not answer: what stands here is of " + shownAt.toLocaleTimeString() + ".");
    } finally {
      busy = false;
    }
  };

  setInterval(renew, everyMs);
  document.addEventListener("visibilitychange", () => {
    if (new Date() - shownAt >= everyMs) renew();
  });
})();
""".replace("EVERY_MS", str(1000 * EVERY_S))
