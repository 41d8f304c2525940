/** What the server says and takes: the words of the HTTP interface. */

export type Voxel = readonly [number, number, number];
export type Label = "foreground" | "background";

export interface Info {
  version: string;
  segmenter: string;
  reader_required: boolean;
  /** Name of the archive that studies can be fetched from and results sent to. */
  pacs?: string | null;
  reader_study?: { title: string; readers: string[] } | null;
}

export interface SessionEntry {
  id: string;
  reader: string;
  done: boolean;
}

export interface StudyEntry {
  id: string;
  name: string;
  tracer: string | null;
  kind: string;
  sessions: SessionEntry[];
  source?: "folder" | "upload" | "pacs";
  /** What to remove it by, when it was uploaded; what was fetched goes by its own id. */
  upload?: string | null;
}

/** What the server does for a session just now. */
export interface Work {
  state: "idle" | "queued" | "computing";
  what: "reading" | "first mask" | "correction" | null;
  /** 0 to 1, where it is known. */
  part: number | null;
  /** Turns of other sessions before it. */
  ahead: number;
}

export interface Uploaded {
  studies: StudyEntry[];
  notes: string[];
}

export interface PacsQuery {
  patient_id?: string;
  patient_name?: string;
  date_from?: string;
  date_to?: string;
}

export interface PacsStudy {
  uid: string;
  patient_id: string | null;
  patient_name: string | null;
  date: string | null;
  description: string | null;
  modalities: string[];
  series: number | null;
  instances: number | null;
}

export interface Problem {
  error: string;
  cause?: string | null;
  remedy?: string | null;
}

/** A fetch from the archive. */
export interface Job {
  state: "running" | "done" | "failed" | "cancelled";
  done: number;
  total: number | null;
  problem: Problem | null;
  studies: StudyEntry[];
}

export type Arm = "assisted" | "manual";

export interface WorklistItem {
  position: number;
  label: string;
  arm: Arm;
  arm_text: string;
  state: "waiting" | "open" | "done";
  session: string | null;
}

export interface Worklist {
  title: string;
  reader: string;
  items: WorklistItem[];
  next: number | null;
  /** Unix time, s: the next one may not be begun before. */
  not_before?: number | null;
  instructions: string;
}

export interface StudyGeometry {
  id: string;
  name: string;
  tracer: string | null;
  shape: [number, number, number];
  spacing: [number, number, number];
  origin: [number, number, number];
  /** Nine numbers row by row, ITK's direction (LPS), or three rows of three. */
  direction: number[] | number[][];
  suv: boolean;
  has_ct: boolean;
  /** What was guessed or is missing, in words. */
  notes?: string[];
  /** Of a reader study: whether the reader is helped. */
  arm?: Arm | null;
}

export interface Stroke {
  number: number;
  label: Label;
  /** Left out in answers to events: the page knows them. */
  points?: Voxel[] | null;
  step: number;
}

export interface Lesion {
  number: number;
  volume_ml: number;
  suv_max: number | null;
  suv_mean: number | null;
  suv_peak: number | null;
  tlg: number | null;
  at: Voxel;
  centroid_mm: [number, number, number];
  locked: boolean;
  accepted: boolean;
}

export interface Totals {
  mtv_ml: number;
  tlg: number | null;
  count: number;
  suv_max: number | null;
}

export interface CurvePoint {
  step: number;
  mtv_ml: number;
  tlg: number | null;
  count: number;
}

export interface Place {
  at: Voxel;
  kind: "missed" | "false";
  gain_ml: number;
  probability: number;
}

export interface SessionState {
  id: string;
  reader: string;
  revision: number;
  done: boolean;
  study: StudyGeometry;
  strokes: Stroke[];
  undo: string | null;
  redo: string | null;
  lesions: Lesion[];
  totals: Totals;
  curve: CurvePoint[];
  places: Place[];
  /** The revision that the places are of; they are found after the mask was answered. */
  places_revision: number;
  /** The mask made elsewhere that the session goes on from. */
  start?: { name: string; lesions: number } | null;
  /** Why the mask is older than what was drawn: the segmenter failed. */
  problem?: Problem | null;
}

/** A box of voxels, stop is exclusive. */
export interface Box {
  start: Voxel;
  stop: Voxel;
}

export interface Change extends Box {
  data: string;
}

/** An event; `key` makes sending it twice safe, `revision` is that of the mask on show. */
export type EventBody = { key: string; revision?: number } & (
  | { kind: "scribble"; label: Label; points: Voxel[] }
  | { kind: "undo" | "redo" | "reopen" | "pause" | "resume" }
  | { kind: "done"; confidence?: number | null }
  | { kind: "accept" | "reject" | "lock" | "unlock"; at: Voxel }
  | { kind: "view"; what: string }
);

/**
 * What has changed. The box is right for a mask of any revision from `base` to `revision`; without
 * a base it is the whole grid.
 */
export interface Changes {
  revision: number;
  base: number | null;
  change: Change | null;
  state: Omit<SessionState, "study">;
}

export interface EventAnswer extends Changes {
  event: number;
  seconds: { queued: number; compute: number };
}
