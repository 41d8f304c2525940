/** A session on the screen: puts the picture, the panels, the mouse and the keys together. */
import * as api from "./api";
import { differingBox } from "./boxes";
import { Geometry, PLANES, type Plane } from "./geometry";
import { bindingOf, heldBy, type Action } from "./keys";
import { arrange } from "./layout";
import { Mip } from "./mip";
import { Overlay } from "./overlay";
import { CurvePanel } from "./panels/curve";
import { doneDialog, storeDialog } from "./panels/dialogs";
import { Frame } from "./panels/frame";
import { helpDialog } from "./panels/help";
import { LesionPanel } from "./panels/lesions";
import { PlacesPanel } from "./panels/places";
import { Readout } from "./panels/readout";
import { THICKNESSES, Toolbar } from "./panels/toolbar";
import { Pointer } from "./pointer";
import { Scene } from "./scene";
import { Session, type NewEvent } from "./session";
import { keepSettings, readSettings, type Settings } from "./settings";
import { toggleTheme } from "./theme";
import type { Label, Lesion, SessionState, Voxel } from "./types";
import { CT_WINDOWS, petWindows, type Window } from "./windows";
import { beginNext } from "./worklist";

interface Drawing {
  label: Label;
  points: readonly Voxel[];
}

/** Points of a stroke that the server takes. */
const MOST_POINTS = 100_000;
/** The disk of the server is full. */
const FULL = 507;

/** Open a session in the page; `go` leads to another one, or to the list. */
export async function openReader(
  root: HTMLElement,
  state: SessionState,
  go: (session: string | null) => void,
): Promise<Reader> {
  const frame = new Frame(state);
  root.replaceChildren(frame.element);
  document.title = `${state.study.name} – lesionloop`;
  const geometry = new Geometry(state.study);
  const session = new Session(state);
  const parts = { pet: 0, ct: state.study.has_ct ? 0 : 1, mask: 0 };
  const told = () => {
    const names = { pet: "PET", ct: "CT", mask: "first mask" };
    const left = (Object.keys(parts) as (keyof typeof parts)[]).filter((p) => parts[p] < 1);
    frame.loading(
      left.map((p) => names[p] + (parts[p] ? ` ${Math.round(parts[p] * 100)}%` : "")).join(", "),
    );
  };
  told();
  const load = async (which: "pet" | "ct") => {
    const bytes = await api.volume(state.study.id, which, (part) => {
      parts[which] = Math.min(0.99, part);
      told();
    });
    parts[which] = 1;
    told();
    return bytes;
  };
  const [pet, ct] = await Promise.all([
    load("pet"),
    state.study.has_ct ? load("ct") : Promise.resolve(null),
    session.loadMask().then(() => {
      parts.mask = 1;
      told();
    }),
  ]);
  const scene = await Scene.open(frame.canvas, geometry, pet, ct);
  frame.loading(null);
  return new Reader(frame, scene, session, geometry, go);
}

export class Reader {
  private readonly settings: Settings = readSettings();
  private readonly windows: readonly Window[];
  private readonly overlay: Overlay;
  private readonly pointer: Pointer;
  private readonly mip: Mip;
  private readonly toolbar: Toolbar;
  private readonly lesions: LesionPanel;
  private readonly places: PlacesPanel;
  private readonly curve = new CurvePanel();
  private readonly readout: Readout;
  private readonly help = helpDialog();
  private readonly abort = new AbortController();
  private readonly observer: ResizeObserver;
  private readonly ticking: number;

  private drawing: Drawing | null = null;
  private collected: Drawing[] = [];
  private selected: number | null = null;
  private place: number | null = null;
  private only: Plane | null = null;
  private comparing = false;
  private mouse: Voxel | null = null;
  /** The mask is what is drawn, and nothing else. */
  private readonly byHand: boolean;
  private pacs: string | null = null;

  constructor(
    private readonly frame: Frame,
    private readonly scene: Scene,
    private readonly session: Session,
    private readonly geometry: Geometry,
    private readonly go: (session: string | null) => void,
  ) {
    const { study } = session.state;
    this.byHand = study.arm === "manual" || !study.suv;
    this.windows = petWindows(study.suv, scene.petMaximum);
    this.overlay = new Overlay(frame.overlay, scene, geometry);
    this.mip = new Mip(session.id, (at) => this.goTo(at));
    this.toolbar = new Toolbar(
      { change: (part) => this.change(part), run: () => this.run(), drop: () => this.dropCollected() },
      this.windows,
      scene.hasCt,
      study.suv,
      this.byHand,
    );
    this.lesions = new LesionPanel({
      select: (lesion) => this.selectLesion(lesion),
      mark: (kind, lesion) => this.mark(kind, lesion),
    });
    this.places = new PlacesPanel((index) => this.showPlace(index));
    this.readout = new Readout(scene, geometry, study.suv, (v) => session.mask[geometry.offset(v)]);
    this.pointer = new Pointer(frame.overlay, scene, geometry, {
      tool: () => (session.state.done ? "point" : this.settings.tool),
      thicknessMm: () => this.settings.thickness,
      goTo: (voxel) => this.goTo(voxel),
      drawing: (stroke) => {
        this.drawing = stroke;
        this.drawOverlay();
      },
      drawn: (stroke) => this.drawn(stroke),
      over: (voxel) => {
        this.mouse = voxel;
        this.showReadout();
      },
    });
    frame.fill({
      tools: this.toolbar.element,
      side: [
        this.lesions.element,
        ...(study.arm === "manual" ? [] : [this.places.element, this.curve.element]),
      ],
      mip: this.mip.element,
      readout: this.readout.element,
      help: this.help,
      port: {
        undo: () => this.act("undo"),
        redo: () => this.act("redo"),
        compare: (on) => void this.compare(on),
        done: () => void this.done(),
        cancel: () => void session.send({ kind: "undo" }),
        start: (file) => void session.startFrom(file),
        store: () => this.pacs && storeDialog(session.id, this.pacs),
        theme: () => this.act("theme"),
        help: () => this.act("help"),
        retry: () => session.retry(),
      },
    });
    session.view = {
      changed: () => this.update(),
      masked: (box) => {
        if (!this.comparing) scene.showMask(session.mask, box);
        measureDrawing();
      },
      told: (message) => frame.tell(message),
    };
    scene.drawn = () => this.drawOverlay();
    scene.showMask(session.mask, { start: [0, 0, 0], stop: geometry.shape });
    this.applySettings(this.settings);
    this.listen();
    this.observer = new ResizeObserver(() => this.arrange());
    this.observer.observe(frame.stage);
    this.ticking = window.setInterval(() => this.tick(), 200);
    this.arrange();
    void api.info().then(({ pacs }) => {
      this.pacs = pacs ?? null;
      if (pacs) frame.menu.offer(pacs);
    }, () => undefined);
    const hottest = session.state.lesions[0];
    if (hottest) this.selectLesion(hottest, false);
    else this.goTo(scene.crosshair);
    this.update();
  }

  close(): void {
    this.abort.abort();
    this.observer.disconnect();
    clearInterval(this.ticking);
    this.mip.close();
    this.session.close();
    this.scene.close();
  }

  // What is on the screen

  private update(): void {
    const { state } = this.session;
    if (this.selected && !state.lesions.some((l) => l.number === this.selected)) this.select(null);
    this.frame.update(this.session);
    this.lesions.update(state, this.selected);
    if (this.place !== null && this.place >= this.session.places.length) this.place = null;
    this.places.update(this.session.places, this.place);
    this.curve.update(state.curve ?? []);
    this.toolbar.update(this.settings, this.collected.length, state.done);
    // Inverted grey beside inverted grey, bright on black beside hot iron.
    const { name, high } = this.windows[this.settings.pet] ?? this.windows[0];
    const look = { theme: this.settings.map === "grey" ? "light" : "dark", high } as const;
    this.mip.update(state.revision, look, `${state.study.suv ? "SUV" : "PET"} ${name}`);
    this.frame.pen(state.done ? "point" : this.settings.tool);
    this.showReadout();
    this.drawOverlay();
    this.tick();
  }

  /** Seconds go on while the server computes. */
  private tick(): void {
    const oldest = this.session.waiting[0];
    this.frame.busy(oldest ? (performance.now() - oldest.since) / 1000 : null, this.session.waiting.length, this.session.canCancel);
  }

  /** Whether the picture is dark on white: inverted PET, alone or nearly so. */
  private get bright(): boolean {
    return this.settings.map === "grey" && (this.settings.fusion > 0.6 || !this.scene.hasCt);
  }

  private drawOverlay(): void {
    const pending = (d: Drawing) => ({ ...d, pending: true });
    this.overlay.draw({
      strokes: [
        // Drawn by hand the mask is the strokes: it shows them.
        ...(this.comparing ? [] : this.session.strokes().filter((s) => s.pending || !this.byHand)),
        ...this.collected.map(pending),
        ...(this.drawing ? [pending(this.drawing)] : []),
      ],
      place: this.place === null ? null : (this.session.places[this.place] ?? null),
      bright: this.bright,
    });
  }

  private showReadout(): void {
    this.readout.show(this.mouse ?? this.scene.crosshair, this.mouse !== null);
  }

  private arrange(): void {
    const { clientWidth, clientHeight } = this.frame.stage;
    const { tiles, mip } = arrange(clientWidth, clientHeight, this.settings.large, this.only);
    this.frame.placeMip(mip);
    this.scene.place(tiles);
  }

  // Settings

  private change(part: Partial<Settings>): void {
    Object.assign(this.settings, part);
    keepSettings(this.settings);
    this.applySettings(part);
    this.update();
  }

  private applySettings(part: Partial<Settings>): void {
    const { settings, scene } = this;
    if (part.pet !== undefined) {
      const window = this.windows[settings.pet] ?? this.windows[0];
      scene.setPetWindow(window.low, window.high);
    }
    if (part.ct !== undefined) {
      const window = CT_WINDOWS[settings.ct] ?? CT_WINDOWS[0];
      scene.setCtWindow(window.low, window.high);
    }
    if (part.map !== undefined) scene.setPetMap(settings.map);
    if (part.fusion !== undefined) scene.setFusion(settings.fusion);
    scene.setPaper(this.bright);
    if (part.large !== undefined) this.arrange();
  }

  // Where the reader looks

  private goTo(voxel: Voxel): void {
    this.scene.goTo(voxel);
    this.select(this.session.mask[this.geometry.offset(voxel)] || null);
    this.showReadout();
  }

  private select(lesion: number | null): void {
    if (lesion === this.selected) return;
    this.selected = lesion;
    this.scene.select(lesion);
    this.lesions.update(this.session.state, lesion);
  }

  private selectLesion(lesion: Lesion, noted = true): void {
    this.goTo(lesion.at);
    this.select(lesion.number);
    if (noted) void this.session.send({ kind: "view", what: `lesion ${lesion.number}` });
  }

  private stepLesion(by: number): void {
    const { lesions } = this.session.state;
    if (!lesions.length) return;
    const at = lesions.findIndex((l) => l.number === this.selected);
    const next = at < 0 ? (by > 0 ? 0 : lesions.length - 1) : (at + by + lesions.length) % lesions.length;
    this.selectLesion(lesions[next]);
  }

  private showPlace(index: number): void {
    const { places } = this.session;
    if (!places.length) {
      this.frame.tell("Nothing stands out: no place is suggested.");
      return;
    }
    this.place = ((index % places.length) + places.length) % places.length;
    this.goTo(places[this.place].at);
    this.places.update(places, this.place);
    void this.session.send({ kind: "view", what: `place ${this.place + 1}` });
  }

  // What the reader does

  private drawn(stroke: Drawing): void {
    if (this.settings.collect) {
      this.collected.push(stroke);
      this.update();
    } else void this.sendStroke(stroke);
  }

  private async sendStroke(stroke: Drawing): Promise<void> {
    const { label, points } = stroke;
    if (points.length > MOST_POINTS) {
      this.frame.tell(`This has ${points.length} voxels; at most ${MOST_POINTS} are taken at once. Draw it in parts.`);
      return;
    }
    const wrong = await this.session.send({ kind: "scribble", label, points: [...points] });
    if (!(wrong instanceof api.Refused) || wrong.status !== FULL) return;
    // Nothing was recorded: the stroke waits here until there is room.
    this.collected.push(stroke);
    this.frame.tell(`${wrong.message}. The stroke is kept here: Run sends it again.`, true);
    this.update();
  }

  /** Done, or open again. In a reader study the next case follows. */
  private async done(): Promise<void> {
    const { session } = this;
    const { state } = session;
    if (state.done || !state.study.arm) {
      await session.send({ kind: state.done ? "reopen" : "done" });
      return;
    }
    const answer = await doneDialog();
    if (!answer || (await session.send({ kind: "done", confidence: answer.confidence }))) return;
    let next: string | null = null;
    try {
      if (answer.next) next = await beginNext(state.reader);
    } catch {
      // The list says why nothing can be begun.
    }
    this.go(next);
  }

  /** All at once: the server joins what waits into one computation. */
  private run(): void {
    for (const stroke of this.collected.splice(0)) void this.sendStroke(stroke);
    this.update();
  }

  private dropCollected(): void {
    this.collected = [];
    this.update();
  }

  private mark(kind: "accept" | "reject" | "lock" | "unlock", lesion: Lesion): void {
    const event: NewEvent = { kind, at: lesion.at };
    void this.session.send(event);
  }

  private async compare(on: boolean): Promise<void> {
    if (on === this.comparing) return;
    this.comparing = on;
    this.frame.comparing(on);
    try {
      const first = await this.session.firstMask();
      const box = differingBox(first, this.session.mask, this.geometry.shape);
      if (box) this.scene.showMask(this.comparing ? first : this.session.mask, box);
      if (!box && on) this.frame.tell("The first mask is the mask shown.");
      this.drawOverlay();
    } catch {
      this.comparing = false;
      this.frame.comparing(false);
      this.frame.tell("The first mask cannot be shown.");
    }
  }

  private act(action: Action): void {
    const { state } = this.session;
    const lesion = state.lesions.find((l) => l.number === this.selected);
    const tile = this.pointer.tile ?? this.scene.tiles()[0];
    const [name, number] = action.split("-");
    if (name === "pet") return this.change({ pet: Number(number) });
    if (name === "ct") {
      if (this.scene.hasCt) this.change({ ct: Number(number) });
      return;
    }
    if (name === "tool") {
      if (number === "outline" && !this.byHand)
        return this.frame.tell("Outlines are for masks drawn by hand. Here a scribble is enough.");
      return this.change({ tool: number as Settings["tool"] });
    }
    const acts: Partial<Record<Action, () => void>> = {
      thinner: () => this.thicker(-1),
      thicker: () => this.thicker(1),
      collect: () => this.change({ collect: !this.settings.collect }),
      run: () => this.run(),
      undo: () => this.collected.length
        ? (this.collected.pop(), this.update())
        : state.undo && void this.session.send({ kind: "undo" }),
      redo: () => state.redo && void this.session.send({ kind: "redo" }),
      "fusion-less": () => this.change({ fusion: Math.max(0, this.settings.fusion - 0.1) }),
      "fusion-more": () => this.change({ fusion: Math.min(1, this.settings.fusion + 0.1) }),
      "fusion-cycle": () => this.cycleFusion(),
      map: () => this.change({ map: this.settings.map === "grey" ? "iron" : "grey" }),
      "next-place": () => this.showPlace(this.place === null ? 0 : this.place + 1),
      "previous-place": () => this.showPlace(this.place === null ? -1 : this.place - 1),
      "next-lesion": () => this.stepLesion(1),
      "previous-lesion": () => this.stepLesion(-1),
      accept: () => lesion && !state.done && this.mark("accept", lesion),
      lock: () => lesion && !state.done && this.mark(lesion.locked ? "unlock" : "lock", lesion),
      reject: () => lesion && !state.done && this.mark("reject", lesion),
      left: () => this.pointer.nudge(tile, -1, 0),
      right: () => this.pointer.nudge(tile, 1, 0),
      up: () => this.pointer.nudge(tile, 0, 1),
      down: () => this.pointer.nudge(tile, 0, -1),
      "slice-next": () => this.pointer.step(tile, 1),
      "slice-previous": () => this.pointer.step(tile, -1),
      "zoom-in": () => this.scene.setZoom(this.scene.zoom * 1.4),
      "zoom-out": () => this.scene.setZoom(this.scene.zoom / 1.4),
      "zoom-reset": () => this.scene.setZoom(1),
      layout: () => this.cycleLayout(),
      maximise: () => {
        this.only = this.only ? null : tile.plane;
        this.arrange();
      },
      rotate: () => this.mip.toggle(),
      theme: () => {
        toggleTheme();
        this.update();
      },
      help: () => (this.help.open ? this.help.close() : this.help.showModal()),
      close: () => {
        this.pointer.drop();
        this.frame.tell("");
      },
    };
    acts[action]?.();
  }

  private thicker(by: number): void {
    const at = THICKNESSES.indexOf(this.settings.thickness as (typeof THICKNESSES)[number]);
    const next = Math.min(THICKNESSES.length - 1, Math.max(0, at + by));
    this.change({ thickness: THICKNESSES[next] });
  }

  private cycleFusion(): void {
    const { fusion } = this.settings;
    this.change({ fusion: fusion >= 1 ? 0 : fusion <= 0 ? 0.55 : 1 });
  }

  private cycleLayout(): void {
    const order: (Plane | null)[] = [...PLANES, null];
    this.only = null;
    this.change({ large: order[(order.indexOf(this.settings.large) + 1) % order.length] });
  }

  private listen(): void {
    const { signal } = this.abort;
    addEventListener("keydown", (event) => this.keyDown(event), { signal });
    addEventListener("keyup", (event) => {
      const held = heldBy(event.key);
      if (held?.action === "compare") void this.compare(false);
      if (held?.action === "mask") this.scene.setMaskShown(true);
    }, { signal });
    // Reading time does not run while the page is hidden.
    document.addEventListener("visibilitychange", () =>
      void this.session.send({ kind: document.hidden ? "pause" : "resume" }), { signal });
    addEventListener("dragover", (event) => event.preventDefault(), { signal });
    addEventListener("drop", (event) => this.dropped(event), { signal });
    addEventListener("focus", () => void this.session.refresh(), { signal });
    // A key that is let go elsewhere is let go.
    addEventListener("blur", () => {
      void this.compare(false);
      this.scene.setMaskShown(true);
    }, { signal });
    addEventListener("beforeunload", (event) => {
      if (this.session.waiting.length || this.collected.length || this.pointer.busy)
        event.preventDefault();
    }, { signal });
    matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => this.update(), { signal });
  }

  private dropped(event: DragEvent): void {
    event.preventDefault();
    const files = event.dataTransfer?.files;
    const { state } = this.session;
    if (!files?.length || state.study.arm || state.done) return;
    if (files.length > 1) this.frame.tell("Drop one mask: a DICOM SEG, NIfTI or MHA file.");
    else void this.session.startFrom(files[0]);
  }

  private keyDown(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    if (document.querySelector("dialog.ask")) return;
    const typing = target.matches("input:not([type=checkbox]):not([type=range]), textarea, select");
    if (typing) return;
    if (this.help.open) {
      if (event.key === "?") this.help.close();
      return;
    }
    const binding = bindingOf(event);
    if (!binding) return;
    // Space and Enter press the button that has the focus; arrows move its slider.
    if (target.matches("button, a, summary") && (event.key === " " || event.key === "Enter")) return;
    if (target.matches("input") && (event.key === " " || event.key.startsWith("Arrow"))) return;
    event.preventDefault();
    if (binding.hold) {
      if (event.repeat) return;
      if (binding.action === "compare") void this.compare(true);
      if (binding.action === "mask") this.scene.setMaskShown(false);
      return;
    }
    this.act(binding.action);
  }
}

/** From a changed mask to the frame that shows it, for who measures the page. */
function measureDrawing(): void {
  const start = performance.now();
  // The first callback comes before the frame with the new mask is drawn, the second after it.
  requestAnimationFrame(() =>
    requestAnimationFrame(() =>
      performance.measure("lesionloop-drawing", { start, end: performance.now() }),
    ),
  );
}
