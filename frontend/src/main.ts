/** The page: the list of studies, or the session that the address names. */
import "./style.css";

import * as api from "./api";
import { h } from "./dom";
import { openReader, type Reader } from "./reader";
import { describe } from "./session";
import { startPage } from "./start";
import { restoreTheme } from "./theme";

const root = document.getElementById("app")!;
let reader: Reader | null = null;

async function route(): Promise<void> {
  reader?.close();
  reader = null;
  const session = /^#\/session\/([\w-]+)$/.exec(location.hash)?.[1];
  if (!session) {
    document.title = "lesionloop";
    await startPage(root, (id) => (location.hash = `#/session/${id}`));
    return;
  }
  root.replaceChildren(h("main", { class: "start" }, h("p", {}, "Opening the session …")));
  try {
    reader = await openReader(root, await api.session(session));
  } catch (error) {
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
