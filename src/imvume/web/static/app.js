// The console's one script. Every page works without it; it makes some of them quicker.
// No inline handler, nothing evaluated: the policy of the pages forbids both.

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
const TYPED = "input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable]";
const GO = { c: "/calls", a: "/archive", e: "/evidence" };

// Kept in this browser alone; where it keeps nothing, shortcuts are simply on.
const kept = {
  get(name) { try { return localStorage.getItem(name); } catch { return null; } },
  set(name, value) { try { localStorage.setItem(name, value); } catch { /* private windows keep nothing */ } },
};

// Shortcuts of a single key can be switched off (WCAG 2.1.4): some speak to their machine.
let shortcuts = kept.get("shortcuts") !== "off";
let waitingForG = 0, row = -1;

function showShortcuts() {
  $$("[data-keys]").forEach(hint => { hint.hidden = !shortcuts; });
  $$("[data-shortcuts]").forEach(box => { box.checked = shortcuts; });
}

document.addEventListener("change", event => {
  if (event.target.matches("[data-shortcuts]")) {
    shortcuts = event.target.checked;
    kept.set("shortcuts", shortcuts ? "on" : "off");
    showShortcuts();
  }
});

document.addEventListener("keydown", event => {
  if (!shortcuts || event.metaKey || event.ctrlKey || event.altKey || event.target.matches(TYPED) || $("dialog[open]")) return;
  const rows = $$(".tbl tbody tr:has(a.id)");
  if (waitingForG && GO[event.key]) {
    waitingForG = 0;
    location.href = GO[event.key];
  } else if (event.key === "g") {
    clearTimeout(waitingForG);
    waitingForG = setTimeout(() => { waitingForG = 0; }, 1200);
  } else if (event.key === "/" && $("#q")) {
    event.preventDefault();
    $("#q").focus();
  } else if (event.key === "?" && $("#keys")) {
    $("#keys").showModal();
  } else if ((event.key === "j" || event.key === "k") && rows.length) {
    row = Math.max(0, Math.min(rows.length - 1, row + (event.key === "j" ? 1 : -1)));
    rows.forEach((each, at) => each.classList.toggle("cur", at === row));
    const link = $("a.id", rows[row]);
    link.focus({ preventScroll: true });  // so that Enter opens it, and a screen reader says it
    rows[row].scrollIntoView({ block: "nearest" });
  }
});

// Browsers that do not know `command` yet.
if (!("command" in HTMLButtonElement.prototype)) {
  document.addEventListener("click", event => {
    const button = event.target.closest("button[commandfor]");
    const target = button && document.getElementById(button.getAttribute("commandfor"));
    if (target) button.getAttribute("command") === "close" ? target.close() : target.showModal();
  });
}

document.addEventListener("click", event => {
  if (event.target.closest("[data-print]")) window.print();
});

const clock = seconds => {
  const whole = Math.max(0, Math.floor(seconds)), hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60, rest = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
};

class Player extends HTMLElement {
  connectedCallback() {
    const audio = $("audio", this), play = $("[data-play]", this), seek = $("[data-seek]", this);
    const played = $("[data-played]", this), head = $("[data-head]", this), time = $("[data-time]", this);
    const trouble = $("[data-trouble]", this);
    let length = Number(this.dataset.seconds) || 0, wanted = null, drawn = 0;

    const at = () => wanted ?? audio.currentTime;
    const draw = () => {
      const x = length ? at() / length * 1000 : 0;
      head?.setAttribute("x1", x);
      head?.setAttribute("x2", x);
      played?.setAttribute("width", x);
      time.textContent = `${clock(at())} / ${clock(length)}`;
      if (seek) {
        seek.value = at();
        seek.setAttribute("aria-valuetext", `${clock(at())} of ${clock(length)}`);
      }
      cancelAnimationFrame(drawn);
      if (!audio.paused && !audio.ended) drawn = requestAnimationFrame(draw);
    };
    const go = seconds => {
      const there = Math.max(0, Math.min(length, seconds));
      // Nothing is fetched before somebody presses play: where to begin is kept until then.
      if (audio.readyState === 0) wanted = there;
      else audio.currentTime = there;
      draw();
    };
    const toggle = () => {
      trouble.hidden = true;
      if (!audio.paused) return audio.pause();
      audio.play().catch(error => { if (error.name !== "AbortError") trouble.hidden = false; });
    };

    audio.addEventListener("loadedmetadata", () => {
      if (Number.isFinite(audio.duration)) length = audio.duration;
      if (seek) seek.max = length;
      if (wanted !== null) audio.currentTime = wanted;
      wanted = null;
      draw();
    });
    audio.addEventListener("play", () => {
      play.setAttribute("aria-pressed", "true");
      play.setAttribute("aria-label", "Pause");
      draw();
    });
    for (const stopped of ["pause", "ended"]) {
      audio.addEventListener(stopped, () => {
        play.setAttribute("aria-pressed", "false");
        play.setAttribute("aria-label", "Play");
        draw();
      });
    }
    for (const moved of ["seeked", "timeupdate"]) audio.addEventListener(moved, draw);
    audio.addEventListener("error", () => { trouble.hidden = false; });

    play.addEventListener("click", toggle);
    $$("[data-skip]", this).forEach(button => button.addEventListener("click", () => go(at() + Number(button.dataset.skip))));
    $("[data-speed]", this).addEventListener("change", event => { audio.playbackRate = Number(event.target.value); });
    seek?.addEventListener("input", () => go(Number(seek.value)));
    const steps = { ArrowLeft: -5, ArrowDown: -5, ArrowRight: 5, ArrowUp: 5, PageDown: -30, PageUp: 30 };
    seek?.addEventListener("keydown", event => {
      const to = event.key === "Home" ? 0 : event.key === "End" ? length : at() + steps[event.key];
      if (Number.isNaN(to)) return;
      event.preventDefault();
      go(to);
    });
    document.addEventListener("keydown", event => {
      if (event.key !== " " || !shortcuts || !this.isConnected || event.defaultPrevented) return;
      if (event.target.matches(`${TYPED}, button, a, summary`) || $("dialog[open]")) return;
      event.preventDefault();
      toggle();
    });
    draw();
  }
}

customElements.define("iv-player", Player);
$$("[data-print]").forEach(button => { button.hidden = false; });
showShortcuts();
