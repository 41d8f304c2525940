/** Calls of the server. What fails says what to tell the reader. */
import { inflate } from "./boxes";
import type {
  Changes, EventAnswer, EventBody, Info, Job, PacsQuery, PacsStudy, Problem, SessionEntry,
  SessionState, StudyEntry, Uploaded, Voxel, Work, Worklist,
} from "./types";

/** The server answered, and refused. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly cause_: string,
    readonly remedy: string,
  ) {
    super(message);
  }
}

/** No answer came. Asking again is safe: events carry a key. */
export class ServerGone extends Error {}

async function call(path: string, init?: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(`api${path}`, { credentials: "same-origin", ...init });
  } catch (error) {
    if ((error as Error).name === "AbortError") throw error;
    throw new ServerGone("the server does not answer");
  }
  if (response.ok) return response;
  throw refusal(response.status, await response.text());
}

/** What an answer that is not one of success means. */
export function refusal(status: number, text: string): Refused | ServerGone {
  let said: Partial<Problem> & { detail?: unknown } = {};
  try {
    said = JSON.parse(text) as typeof said;
  } catch {
    // Not JSON: the status says all that there is to say.
  }
  // A proxy in front says so when there is no server; ours always gives its reasons.
  if (status >= 502 && status <= 504 && !said.error)
    return new ServerGone(`the server is not there (${status})`);
  return new Refused(
    status,
    said.error ?? `the server answered ${status}`,
    said.cause ?? (typeof said.detail === "string" ? said.detail : ""),
    said.remedy ?? "",
  );
}

const json = async <T>(path: string, init?: RequestInit) => (await (await call(path, init)).json()) as T;

const post = <T>(path: string, body: unknown, init: RequestInit = {}) =>
  json<T>(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    ...init,
  });

const remove = async (path: string) => void (await call(path, { method: "DELETE" }));

export const info = () => json<Info>("/info");
export const studies = () => json<StudyEntry[]>("/studies");
/** Record a session; what it needs is computed when it is asked for. */
export const openSession = (study: string, reader: string) =>
  post<SessionEntry>("/sessions", { study, reader });
/** All of a session; waits until its mask is known. */
export const session = (id: string, signal?: AbortSignal) =>
  json<SessionState>(`/sessions/${id}`, { signal });
export const work = (id: string) => json<Work>(`/sessions/${id}/work`);
export const cancelWork = (id: string) => remove(`/sessions/${id}/work`);

/** A client-made key: the server knows a repeated event by it. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

/** A page that is being hidden may go at once: such events outlive it. */
export const sendEvent = (sessionId: string, body: EventBody) =>
  post<EventAnswer>(`/sessions/${sessionId}/events`, body, { keepalive: body.kind === "pause" });

/** Go on from a mask made elsewhere. */
export const startFrom = (sessionId: string, file: File, key: string, revision: number) =>
  json<EventAnswer>(
    `/sessions/${sessionId}/start?${new URLSearchParams({ name: file.name, key, revision: String(revision) })}`,
    { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: file },
  );

export const changesSince = (sessionId: string, revision: number) =>
  json<Changes>(`/sessions/${sessionId}/changes?since=${revision}`);

/** The whole mask and the revision it belongs to; `first` asks for the one without scribbles. */
export async function mask(
  sessionId: string,
  first = false,
): Promise<{ labels: Uint8Array; revision: number }> {
  const response = await call(`/sessions/${sessionId}/mask${first ? "?step=0" : ""}`);
  const labels = await inflate(new Uint8Array(await response.arrayBuffer()));
  return { labels, revision: Number(response.headers.get("X-Revision") ?? 0) };
}

/** A volume as NIfTI, unpacked, with its progress (0 to 1) when the length is known. */
export async function volume(
  studyId: string,
  which: "pet" | "ct",
  progress: (part: number) => void,
): Promise<ArrayBuffer> {
  const response = await call(`/studies/${studyId}/${which}.nii.gz`);
  const total = Number(response.headers.get("Content-Length") ?? 0);
  let got = 0;
  const counted = response.body!.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        got += chunk.length;
        if (total) progress(Math.min(1, got / total));
        controller.enqueue(chunk);
      },
    }),
  );
  const bytes = new Uint8Array(await new Response(counted).arrayBuffer());
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes.buffer;
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(plain).arrayBuffer();
}

export function mipAddress(sessionId: string, degrees: number, look: MipLook, revision: number): string {
  // The revision keeps the browser from showing an older picture of its own.
  const { theme, high } = look;
  return `api/sessions/${sessionId}/mip/${degrees}.png?${new URLSearchParams({ theme, high: String(high), revision: String(revision) })}`;
}

/** Of a projection: bright on black or dark on white, and the value that is fully so. */
export interface MipLook {
  theme: "dark" | "light";
  high: number;
}

export const pickInMip = (sessionId: string, degrees: number, u: number, v: number) =>
  json<{ at: Voxel | null }>(`/sessions/${sessionId}/mip/${degrees}/pick?u=${u}&v=${v}`);

export const exportAddress = (sessionId: string, what: string) =>
  `api/sessions/${sessionId}/export/${what}`;

export const newUpload = () => post<{ id: string }>("/uploads", {});
export const finishUpload = (id: string) => post<Uploaded>(`/uploads/${id}/finish`, {});
/** Remove a study that was fetched from the archive. */
export const removeStudy = (id: string) => remove(`/studies/${id}`);
export const removeUpload = (id: string) => remove(`/uploads/${id}`);

export const searchPacs = (query: PacsQuery) =>
  post<{ studies: PacsStudy[]; more: boolean }>("/pacs/search", query);
export const fetchFromPacs = (study: string) => post<{ job: string }>("/pacs/fetch", { study });
export const job = (id: string) => json<Job>(`/jobs/${id}`);
export const cancelJob = (id: string) => remove(`/jobs/${id}`);
export const storeInPacs = (sessionId: string, what: string[]) =>
  post<{ stored: { what: string; sop_instance_uid: string }[] }>(`/sessions/${sessionId}/store`, { what });

export const worklist = (reader: string) => post<Worklist>("/reader-study/worklist", { reader });
export const beginCase = (reader: string, position: number) =>
  post<SessionEntry>("/reader-study/begin", { reader, position });
