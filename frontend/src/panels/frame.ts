/** The frame of the page: head with totals and acts, room for the rest, banner and messages. */
import { figure, h } from "../dom";
import type { Tool } from "../pointer";
import type { Rectangle } from "../scene";
import type { Session } from "../session";
import type { SessionState } from "../types";
import { FileMenu, type MenuPort } from "./menu";

export interface FramePort extends MenuPort {
  undo(): void;
  redo(): void;
  compare(on: boolean): void;
  done(): void;
  /** Take the stroke back that is being computed. */
  cancel(): void;
  theme(): void;
  help(): void;
  retry(): void;
}

export interface Filling {
  tools: HTMLElement;
  side: HTMLElement[];
  mip: HTMLElement;
  readout: HTMLElement;
  help: HTMLElement;
  port: FramePort;
}

/** A correction that takes longer can be cancelled, s. */
const LONG_S = 1;
const MESSAGE_MS = 9000;

export class Frame {
  readonly canvas = h("canvas", { class: "gl", "aria-hidden": "true" });
  readonly overlay = h("canvas", {
    class: "over",
    tabindex: 0,
    role: "img",
    "aria-label": "PET and CT in three planes. Arrow keys move the crosshair.",
    "data-testid": "picture",
  });
  readonly stage = h("div", { class: "stage" }, h("div", { class: "glbox" }, this.canvas), this.overlay);
  readonly element: HTMLElement;
  private readonly tools = h("div", { class: "toolbox" });
  private readonly side = h("aside", { class: "side", "aria-label": "Findings" });
  private readonly loadingBox = h("div", { class: "loading", role: "status" });
  private readonly comparingSign = h("div", { class: "sign", hidden: true }, "First mask");
  private readonly banner = h("div", { class: "banner", role: "alert", hidden: true });
  private readonly message = h("span", { class: "told", role: "status" });
  private readonly progress = h("span", { class: "progress", "data-testid": "progress" });
  private readonly totals = h("dl", { class: "totals", "aria-label": "Totals", "data-testid": "totals" });
  private readonly foot = h("footer", { class: "foot" });
  private readonly undo = h("button", { type: "button", class: "label-button" });
  private readonly redo = h("button", { type: "button", class: "label-button" });
  private readonly compare = h("button", { type: "button", title: "Hold to see the first mask (H)" }, "First mask");
  private readonly done = h("button", { type: "button", class: "main" }, "Done");
  private readonly cancel = h("button", { type: "button", hidden: true, title: "Take this stroke back (Z)", onclick: () => this.port?.cancel() }, "Cancel");
  readonly menu: FileMenu;
  private mip: HTMLElement | null = null;
  private clearing: number | undefined;
  /** What the banner is about. */
  private warned = "";
  private port: FramePort | null = null;

  constructor(state: SessionState) {
    const { study } = state;
    this.stage.append(this.comparingSign, this.loadingBox);
    this.menu = new FileMenu(state.id);
    // In a reader study files stay with its owner, and without help there is no first mask.
    this.menu.element.hidden = !!study.arm;
    this.compare.hidden = study.arm === "manual";
    const small = (text: string, title: string, act: () => void) =>
      h("button", { type: "button", class: "quiet", title, "aria-label": title, onclick: act }, text);
    this.element = h(
      "div",
      { class: "reader" },
      h(
        "header",
        { class: "head" },
        h("a", { href: "#/", class: "back", title: "All studies" }, "‹ Studies"),
        h("h1", {}, study.name),
        h("span", { class: "soft who-line" }, [study.tracer?.toUpperCase(), state.reader].filter(Boolean).join(" · ")),
        study.arm && h("span", { class: "tag", "data-testid": "arm" }, study.arm === "manual" ? "by hand" : "assisted"),
        !study.suv && h("span", { class: "not-suv", title: "What SUV needs is missing in the data: the values are activity or counts." }, "Values are not SUV"),
        this.totals,
        h("span", { class: "space" }),
        this.undo,
        this.redo,
        this.compare,
        this.menu.element,
        this.done,
        small("◐", "Light or dark (D)", () => this.port?.theme()),
        small("?", "Keys and mouse (?)", () => this.port?.help()),
      ),
      this.banner,
      this.tools,
      h("main", { class: "work" }, this.stage, this.side),
      this.foot,
    );
    this.undo.addEventListener("click", () => this.port?.undo());
    this.redo.addEventListener("click", () => this.port?.redo());
    this.done.addEventListener("click", () => this.port?.done());
    for (const [event, on] of [["pointerdown", true], ["pointerup", false], ["pointerleave", false]] as const)
      this.compare.addEventListener(event, () => this.port?.compare(on));
    this.showTotals(state);
  }

  fill(filling: Filling): void {
    this.port = this.menu.port = filling.port;
    this.tools.replaceChildren(filling.tools);
    this.side.replaceChildren(...filling.side);
    this.mip = filling.mip;
    this.stage.append(filling.mip);
    this.foot.replaceChildren(filling.readout, this.message, h("span", { class: "space" }), this.progress, this.cancel);
    this.element.append(filling.help);
  }

  update(session: Session): void {
    const { state } = session;
    this.showTotals(state);
    const label = (button: HTMLElement, verb: string, key: string, what: string | null) => {
      button.toggleAttribute("disabled", !what || state.done);
      button.replaceChildren(verb, what ? h("span", { class: "what" }, what) : "");
      button.title = what ? `${verb}: ${what} (${key})` : `Nothing to ${verb.toLowerCase()}`;
    };
    label(this.undo, "Undo", "Z", state.undo);
    label(this.redo, "Redo", "Y", state.redo);
    this.menu.update(state.done);
    this.done.textContent = state.done ? "Reopen" : "Done";
    this.element.classList.toggle("is-done", state.done);
    this.element.dataset.revision = String(state.revision);
    this.element.dataset.waiting = String(session.waiting.length);
    const seconds = session.lastSeconds;
    this.progress.title = seconds
      ? `Last correction: ${seconds.total.toFixed(2)} s, of which computed ${seconds.compute.toFixed(2)} s, queued ${seconds.queued.toFixed(2)} s`
      : "";
    this.warn(session);
  }

  /** What must not be overlooked: the server is gone, or the mask lacks what was drawn. */
  private warn(session: Session): void {
    const gone = session.goneSince !== null;
    const problem = session.state.problem;
    const about = gone ? "gone" : problem ? JSON.stringify(problem) : "";
    if (about === this.warned) return;
    this.warned = about;
    this.banner.hidden = !about;
    if (problem && !gone)
      this.banner.replaceChildren(
        h("strong", {}, `${problem.error[0].toUpperCase()}${problem.error.slice(1)}.`),
        ` ${[problem.cause, problem.remedy].filter(Boolean).join(" ")}`,
      );
    if (!gone) return;
    const n = session.waiting.length;
    this.banner.replaceChildren(
      h("strong", {}, "The server does not answer."),
      ` ${n === 1 ? "One step is" : `${n} steps are`} kept here and sent again until it does. Leave this page open. `,
      h("button", { type: "button", onclick: () => this.port?.retry() }, "Try now"),
    );
  }

  /** Seconds since the oldest event was sent, or null when none is on its way. */
  busy(seconds: number | null, waiting: number, canCancel: boolean): void {
    this.cancel.hidden = seconds === null || seconds < LONG_S || !canCancel;
    this.element.classList.toggle("busy", seconds !== null && seconds > 0.15);
    if (seconds === null) this.progress.textContent = "";
    else if (seconds > 0.15)
      this.progress.textContent = `Computing ${seconds.toFixed(1)} s${waiting > 1 ? `, ${waiting} steps` : ""}`;
  }

  loading(what: string | null): void {
    this.loadingBox.hidden = what === null;
    this.loadingBox.replaceChildren(h("span", { class: "spinner", "aria-hidden": "true" }), `Loading ${what ?? ""}`);
  }

  comparing(on: boolean): void {
    this.comparingSign.hidden = !on;
    this.compare.setAttribute("aria-pressed", String(on));
  }

  /** Say something in the line at the foot; it goes after a while, unless it is to stay. */
  tell(message: string, stays = false): void {
    this.message.textContent = this.message.title = message;
    clearTimeout(this.clearing);
    if (message && !stays) this.clearing = window.setTimeout(() => (this.message.textContent = ""), MESSAGE_MS);
  }

  pen(tool: Tool): void {
    this.overlay.dataset.tool = tool;
  }

  placeMip(place: Rectangle): void {
    if (!this.mip) return;
    this.mip.hidden = !place.width;
    for (const side of ["left", "top", "width", "height"] as const)
      this.mip.style[side] = `${place[side]}px`;
  }

  private showTotals(state: SessionState): void {
    const { totals, study } = state;
    const lines: [string, string][] = [
      ["MTV", `${figure(totals.mtv_ml)} ml`],
      ["TLG", figure(totals.tlg)],
      ["Lesions", String(totals.count)],
      [study.suv ? "SUVmax" : "Max", figure(totals.suv_max)],
    ];
    this.totals.replaceChildren(...lines.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
  }
}
