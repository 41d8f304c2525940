/** All keys on one sheet. */
import { h } from "../dom";
import { GROUPS, MOUSE } from "../keys";

export function helpDialog(): HTMLDialogElement {
  const dialog = h(
    "dialog",
    { class: "help", "aria-labelledby": "help-title" },
    h("h2", { id: "help-title" }, "Keys and mouse"),
    h(
      "div",
      { class: "columns" },
      ...GROUPS.map((group) =>
        h(
          "section",
          {},
          h("h3", {}, group.title),
          h("dl", {}, ...group.lines.flatMap((l) => [h("dt", {}, h("kbd", {}, l.show)), h("dd", {}, l.does)])),
        ),
      ),
      h(
        "section",
        {},
        h("h3", {}, "Mouse"),
        h("dl", {}, ...MOUSE.flatMap(([how, does]) => [h("dt", {}, how), h("dd", {}, does)])),
      ),
    ),
    h("form", { method: "dialog" }, h("button", { class: "main" }, "Close")),
  );
  return dialog;
}
