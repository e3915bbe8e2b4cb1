/** What /proc says of a process. */

const PAGE_BYTES = 4096;

/** Resident memory, bytes. */
export function rssBytes(pid: number): number {
  return Number(Deno.readTextFileSync(`/proc/${pid}/statm`).split(" ")[1]) * PAGE_BYTES;
}

/** The most resident memory since the process started or `resetPeak`, bytes. */
export function peakBytes(pid: number): number {
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`)) ?? [];
  return Number(kib) * 1024;
}

export function resetPeak(pid: number): void {
  Deno.writeTextFileSync(`/proc/${pid}/clear_refs`, "5");
}

export function openDescriptors(pid: number): number {
  return [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
}

/** Waits until it holds; throws what it was where that takes too long. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  ms = 5000,
): Promise<number> {
  const started = performance.now();
  while (!await holds()) {
    if (performance.now() - started > ms) throw new Error(`Not within ${ms} ms: ${what}`);
    await sleep(10);
  }
  return performance.now() - started;
}

export const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

export const MIB = 1024 * 1024;
