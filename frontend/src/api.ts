/** Calls of the server. What fails says what to tell the reader. */
import { inflate } from "./boxes";
import type { Changes, EventAnswer, EventBody, Info, SessionState, StudyEntry, Voxel } from "./types";

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
  if (response.status >= 502 && response.status <= 504)
    throw new ServerGone(`the server is not there (${response.status})`);
  let said: { error?: string; cause?: string; remedy?: string; detail?: unknown } = {};
  try {
    said = await response.json();
  } catch {
    // Not JSON: the status says all that there is to say.
  }
  throw new Refused(
    response.status,
    said.error ?? `the server answered ${response.status}`,
    said.cause ?? (typeof said.detail === "string" ? said.detail : ""),
    said.remedy ?? "",
  );
}

const json = async <T>(path: string, init?: RequestInit) => (await (await call(path, init)).json()) as T;

const post = <T>(path: string, body: unknown) =>
  json<T>(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });

export const info = () => json<Info>("/info");
export const studies = () => json<StudyEntry[]>("/studies");
export const openSession = (study: string, reader: string) =>
  post<SessionState>(`/studies/${study}/sessions`, { reader });
export const session = (id: string) => json<SessionState>(`/sessions/${id}`);

/** A client-made key: the server knows a repeated event by it. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

export const sendEvent = (sessionId: string, body: EventBody) =>
  post<EventAnswer>(`/sessions/${sessionId}/events`, body);

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

export function mipAddress(sessionId: string, degrees: number, theme: string, revision: number): string {
  // The revision keeps the browser from showing an older picture of its own.
  return `api/sessions/${sessionId}/mip/${degrees}.png?theme=${theme}&revision=${revision}`;
}

export const pickInMip = (sessionId: string, degrees: number, u: number, v: number) =>
  json<{ at: Voxel | null }>(`/sessions/${sessionId}/mip/${degrees}/pick?u=${u}&v=${v}`);

export const exportAddress = (sessionId: string, what: string) =>
  `api/sessions/${sessionId}/export/${what}`;
