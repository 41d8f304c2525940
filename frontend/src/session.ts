/**
 * One reader on one study: the state the server told, the mask, and what is still on its way.
 *
 * Events are sent as soon as they are made. Each carries a key, so sending one again after a lost
 * connection is safe. An answer says from which revisions on its box is right, so answers may come in
 * any order; when a box does not fit the mask on show, what has changed since is asked for.
 */
import * as api from "./api";
import { fromBase64, inflate, patch } from "./boxes";
import type { Box, Changes, EventAnswer, EventBody, Label, Place, SessionState, Voxel } from "./types";

/** What is on its way to the server. */
export interface Waiting {
  kind: EventBody["kind"] | "start";
  stroke?: { label: Label; points: Voxel[] };
  since: number;
}

/** An event without its key and revision, which `send` adds. */
type Bare<T> = T extends { key: string } ? Omit<T, "key" | "revision"> : never;
export type NewEvent = Bare<EventBody>;

export interface SessionView {
  /** The state, the strokes on their way, or the connection changed. */
  changed(): void;
  /** Voxels of the mask changed within a box. */
  masked(box: Box): void;
  /** Something that the reader should read. */
  told(message: string): void;
}

const RETRY_MS = 2000;
/** The server looks for places when the reader pauses. */
const PLACES_MS = 2000;
/** What another window has done is asked for so often. */
const LOOK_MS = 2500;
/** The status of a step that was recorded and that the segmenter failed at. */
const FAILED = 502;
/** Only for the timings: not worth a word to the reader when they are lost. */
const QUIET = ["view", "pause", "resume"];

export class Session {
  readonly mask: Uint8Array;
  /** The mask without scribbles, once known. */
  first: Uint8Array | null = null;
  waiting: Waiting[] = [];
  /** Since when the server has not answered, or null. */
  goneSince: number | null = null;
  lastSeconds: { total: number; compute: number; queued: number } | null = null;

  private maskRevision = -1;
  /** Points of strokes by their number: answers to events leave them out. */
  private readonly points = new Map<number, readonly Voxel[]>();
  /** Answers are taken one after the other: unpacking a box does not block. */
  private turn: Promise<void> = Promise.resolve();
  private wake: (() => void)[] = [];
  private placesTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly looking = setInterval(() => void (document.hidden || this.refresh()), LOOK_MS);
  view: SessionView = { changed() {}, masked() {}, told() {} };

  constructor(public state: SessionState) {
    const [x, y, z] = state.study.shape;
    this.mask = new Uint8Array(x * y * z);
    this.learn(state);
    this.awaitPlaces();
  }

  get id(): string {
    return this.state.id;
  }

  /** Where the next step is worth while, or null. */
  get places(): Place[] {
    return this.state.places ?? [];
  }

  async loadMask(): Promise<void> {
    const { labels, revision } = await api.mask(this.id);
    if (labels.length !== this.mask.length)
      throw new Error(`a mask of ${labels.length} voxels came for ${this.mask.length}`);
    this.mask.set(labels);
    this.maskRevision = revision;
    if (!this.first && this.state.strokes.length === 0) this.first = labels;
    this.view.masked({ start: [0, 0, 0], stop: [...this.state.study.shape] });
  }

  /** The mask before any scribble; fetched when the session was opened with some. */
  async firstMask(): Promise<Uint8Array> {
    this.first ??= (await api.mask(this.id, true)).labels;
    return this.first;
  }

  /** Strokes to draw: those the server has, and those on their way to it. */
  strokes(): { label: Label; points: readonly Voxel[]; pending: boolean }[] {
    const pending = this.waiting.flatMap(({ stroke }) => (stroke ? [{ ...stroke, pending: true }] : []));
    const taken = this.state.strokes.map(({ number, label }) => ({
      label,
      points: this.points.get(number) ?? [],
      pending: false,
    }));
    return [...taken, ...pending];
  }

  /** Send an event, again and again until it is answered. Resolves to what was wrong, or null. */
  async send(event: NewEvent): Promise<Error | null> {
    const body = { ...event, key: api.newKey(), revision: Math.max(0, this.maskRevision) } as EventBody;
    const ask = () => api.sendEvent(this.id, body);
    if (QUIET.includes(body.kind)) {
      void ask().catch(() => undefined);
      return null;
    }
    const stroke = body.kind === "scribble" ? { label: body.label, points: body.points } : undefined;
    return this.deliver({ kind: body.kind, stroke, since: performance.now() }, ask);
  }

  /** Go on from a mask made elsewhere. */
  startFrom(file: File): Promise<Error | null> {
    const key = api.newKey();
    const revision = Math.max(0, this.maskRevision);
    return this.deliver({ kind: "start", since: performance.now() }, () =>
      api.startFrom(this.id, file, key, revision),
    );
  }

  /** Whether a correction is being computed that an undo would end. */
  get canCancel(): boolean {
    const count = (kind: Waiting["kind"]) => this.waiting.filter((w) => w.kind === kind).length;
    return this.goneSince === null && count("scribble") + count("start") > count("undo");
  }

  private async deliver(entry: Waiting, ask: () => Promise<EventAnswer>): Promise<Error | null> {
    this.waiting.push(entry);
    this.view.changed();
    let failed = false;
    try {
      const answer = await this.untilAnswered(ask);
      if (entry.stroke) {
        this.points.set(answer.event, entry.stroke.points);
        const request = (performance.now() - entry.since) / 1000;
        this.lastSeconds = { ...answer.seconds, total: request };
        performance.measure("lesionloop-answer", { start: entry.since, end: performance.now(), detail: answer.seconds });
      }
      await this.queue(() => this.take(answer));
      return null;
    } catch (error) {
      this.view.told(describe(error));
      failed = error instanceof api.Refused && error.status === FAILED;
      return error as Error;
    } finally {
      this.drop(entry);
      this.view.changed();
      // It was recorded: it can be undone, and why it is not in the mask is part of the state.
      if (failed) void this.refresh();
    }
  }

  /** Ask for nothing any more. */
  close(): void {
    clearTimeout(this.placesTimer);
    clearInterval(this.looking);
    this.view = { changed() {}, masked() {}, told() {} };
  }

  /** Try the connection now. */
  retry(): void {
    for (const wake of this.wake.splice(0)) wake();
  }

  private drop(entry: Waiting): void {
    this.waiting = this.waiting.filter((other) => other !== entry);
  }

  private async untilAnswered(ask: () => Promise<EventAnswer>): Promise<EventAnswer> {
    for (;;)
      try {
        const answer = await ask();
        this.back();
        return answer;
      } catch (error) {
        if (!(error instanceof api.ServerGone)) {
          this.back();
          throw error;
        }
        this.goneSince ??= Date.now();
        this.view.changed();
        await new Promise<void>((resolve) => {
          this.wake.push(resolve);
          setTimeout(resolve, RETRY_MS);
        });
      }
  }

  private back(): void {
    if (this.goneSince === null) return;
    this.goneSince = null;
    this.retry();
    this.view.changed();
  }

  /** Look for what another window on this session has done. */
  async refresh(): Promise<void> {
    if (this.waiting.length || this.maskRevision < 0) return;
    try {
      const changes = await api.changesSince(this.id, this.maskRevision);
      const before = JSON.stringify(this.state);
      await this.queue(() => this.take(changes));
      if (JSON.stringify(this.state) !== before) this.view.changed();
    } catch {
      // Not asked for by the reader: the next event will tell what is wrong.
    }
  }

  private queue(work: () => Promise<void>): Promise<void> {
    const done = this.turn.then(work);
    this.turn = done.catch(() => undefined);
    return done;
  }

  private async take(given: Changes): Promise<void> {
    if (given.revision < this.maskRevision) return;
    const fits = given.base === null || given.base <= this.maskRevision;
    const changes = fits ? given : await api.changesSince(this.id, this.maskRevision);
    if (changes.change) {
      const values = await inflate(fromBase64(changes.change.data));
      patch(this.mask, this.state.study.shape, changes.change, values);
    }
    this.maskRevision = changes.revision;
    this.state = { ...changes.state, study: this.state.study };
    if (this.state.strokes.some(({ number }) => !this.points.has(number)))
      this.learn(await api.session(this.id));
    if (changes.change) this.view.masked(changes.change);
    this.awaitPlaces();
  }

  /** Ask again while the places are those of an older mask. */
  private awaitPlaces(): void {
    clearTimeout(this.placesTimer);
    if (this.state.places_revision < this.state.revision)
      this.placesTimer = setTimeout(() => void this.refresh(), PLACES_MS);
  }

  private learn(state: SessionState): void {
    for (const { number, points } of state.strokes) if (points) this.points.set(number, points);
  }
}

/** An error in words for the reader. */
export function describe(error: unknown): string {
  if (error instanceof api.Refused)
    return [error.message, error.cause_, error.remedy].filter(Boolean).join(" ");
  return error instanceof Error ? error.message : String(error);
}
