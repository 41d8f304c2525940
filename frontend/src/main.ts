/** The page: the list of studies, or the session that the address names. */
import "./style.css";

import { h } from "./dom";
import { waitFor } from "./opening";
import { openReader, type Reader } from "./reader";
import { describe } from "./session";
import { startPage } from "./start";
import { restoreTheme } from "./theme";

const root = document.getElementById("app")!;
let reader: Reader | null = null;
/** Ends what the last address began. */
let here = new AbortController();

const go = (session: string | null) => (location.hash = session ? `#/session/${session}` : "#/");

async function route(): Promise<void> {
  here.abort();
  const { signal } = (here = new AbortController());
  reader?.close();
  reader = null;
  const session = /^#\/session\/([\w-]+)$/.exec(location.hash)?.[1];
  if (!session) {
    document.title = "lesionloop";
    await startPage(root, go);
    return;
  }
  try {
    const state = await waitFor(root, session, signal);
    if (signal.aborted) return;
    if (!state) {
      go(null);
      return;
    }
    const opened = await openReader(root, state, go);
    if (signal.aborted) opened.close();
    else reader = opened;
  } catch (error) {
    if (signal.aborted) return;
    root.replaceChildren(
      h(
        "main",
        { class: "start" },
        h("h1", {}, "lesionloop"),
        h("p", { class: "message", role: "alert" }, describe(error)),
        h("p", {}, h("a", { href: "#/" }, "All studies"), " · ", h("button", { type: "button", onclick: () => void route() }, "Try again")),
      ),
    );
  }
}

restoreTheme();
addEventListener("hashchange", () => void route());
void route();
