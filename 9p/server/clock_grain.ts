import type { Attr } from "./file_server.ts";

/** git's rule: what changed within the clock's grain of now may change again without a trace in its times, ms. */
export const GRAIN_MS = 20;

/** How long ago a file changed, by its times; less than nothing where they are set to the future. */
export function ageMs(
  { mtimeSec, mtimeNsec, ctimeSec, ctimeNsec }: Pick<
    Attr,
    "mtimeSec" | "mtimeNsec" | "ctimeSec" | "ctimeNsec"
  >,
  nowMs: number = Date.now(),
): number {
  return nowMs - Math.max(mtimeSec * 1000 + mtimeNsec / 1e6, ctimeSec * 1000 + ctimeNsec / 1e6);
}

/** Whether what changed so long ago can change again without its times showing it. */
export function isRacy(ageMs: number): boolean {
  return ageMs < GRAIN_MS;
}
