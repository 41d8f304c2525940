/** Waiting for a session: what the server does for it, and a way out. */
import * as api from "./api";
import { h } from "./dom";
import type { SessionState, Work } from "./types";

const POLL_MS = 300;

/** Resolves to the session; null when the reader did not want to wait. */
export async function waitFor(
  root: HTMLElement,
  id: string,
  signal: AbortSignal,
): Promise<SessionState | null> {
  const what = h("p", { role: "status" }, "Opening the session …");
  const bar = h("progress", { max: 1, "aria-label": "Progress" });
  const stop = new AbortController();
  signal.addEventListener("abort", () => stop.abort());
  let cancelled = false;
  const cancel = async () => {
    cancelled = true;
    try {
      await api.cancelWork(id);
    } catch {
      // It goes on; opened again, the study is there the sooner.
    }
    stop.abort();
  };
  root.replaceChildren(
    h(
      "main",
      { class: "start opening" },
      h("h1", {}, "lesionloop"),
      what,
      bar,
      h("p", {}, h("button", { type: "button", onclick: () => void cancel() }, "Cancel")),
    ),
  );
  const timer = window.setInterval(() => void look(), POLL_MS);
  const look = async () => {
    try {
      const work = await api.work(id);
      what.textContent = words(work);
      if (work.part === null) bar.removeAttribute("value");
      else bar.value = work.part;
    } catch {
      // The answer to the session itself will tell what is wrong.
    }
  };
  try {
    return await api.session(id, stop.signal);
  } catch (error) {
    if (cancelled || signal.aborted) return null;
    throw error;
  } finally {
    clearInterval(timer);
  }
}

function words({ state, what, part, ahead }: Work): string {
  if (state === "queued")
    return `Waiting for the server${ahead ? `: ${ahead} before this` : ""} …`;
  if (state === "idle") return "Opening the session …";
  const doing = {
    reading: "Reading the study",
    "first mask": "Computing the first mask",
    correction: "Computing the mask",
  }[what ?? "reading"];
  return part === null ? `${doing} …` : `${doing}: ${Math.round(part * 100)}%`;
}
