/**
 * poll_oneoff. A subscription is userdata[8] tag[1] pad[7] and either a clock, id[4] pad[4] timeout[8] precision[8]
 * flags[2], or a descriptor, fd[4]. An event is userdata[8] error[2] type[1] pad[5] nbytes[8] flags[2] pad[6].
 */
import { Clockid, Eventtype, Size } from "./abi.ts";
import { Errno } from "./errno.ts";
import { type WasiFunction, wasiFunction } from "./function.ts";
import { checkInside, type GuestMemory } from "./memory.ts";
import type { WasiProcess } from "./process.ts";
import { timeOf } from "./process_functions.ts";
import { Right } from "./rights.ts";

export const SUBSCRIPTIONS_MAX = 1024;

const ABSTIME = 1;

/** What a stream has ready, as far as can be told: a read waits for what is not there yet. */
const STREAM_READ_BYTES = 1n;
const WRITE_BYTES = 65536n;

interface Event {
  readonly userdata: bigint;
  readonly type: number;
  readonly error: number;
  readonly bytes: bigint;
  /** Until it happens; 0 or less is now. */
  readonly waitNs: bigint;
}

function pollOneoff(
  process: WasiProcess,
  memory: GuestMemory,
  subscriptions: number,
  events: number,
  count: number,
  result: number,
): number {
  if (count === 0 || count > SUBSCRIPTIONS_MAX) return Errno.INVAL;
  checkInside(memory, subscriptions, count * Size.SUBSCRIPTION);
  checkInside(memory, events, count * Size.EVENT);
  checkInside(memory, result, 4);
  // All are read before any event is written: the two lists may overlap.
  const all = Array.from(
    { length: count },
    (_, i) => eventOf(process, memory, subscriptions + i * Size.SUBSCRIPTION),
  );
  const waitNs = all.reduce((least, { waitNs }) => waitNs < least ? waitNs : least, all[0].waitNs);
  if (waitNs > 0n) process.sleep(waitNs);
  const due = all.filter((event) => event.waitNs <= 0n || event.waitNs <= waitNs);
  due.forEach((event, i) => putEvent(memory, events + i * Size.EVENT, event));
  memory.view.setUint32(result, due.length, true);
  return Errno.SUCCESS;
}

function eventOf(process: WasiProcess, { view }: GuestMemory, at: number): Event {
  const userdata = view.getBigUint64(at, true);
  const type = view.getUint8(at + 8);
  const event = { userdata, type, error: Errno.SUCCESS, bytes: 0n, waitNs: 0n };
  switch (type) {
    case Eventtype.CLOCK: {
      const id = view.getUint32(at + 16, true);
      const flags = view.getUint16(at + 40, true);
      // The clocks of computing time stand still while a program waits.
      if (id > Clockid.MONOTONIC || flags & ~ABSTIME) return { ...event, error: Errno.INVAL };
      const timeout = view.getBigUint64(at + 24, true);
      return { ...event, waitNs: flags & ABSTIME ? timeout - timeOf(process, id) : timeout };
    }
    case Eventtype.FD_READ:
    case Eventtype.FD_WRITE: {
      const fd = view.getUint32(at + 16, true);
      return { ...event, ...readiness(process, fd, type === Eventtype.FD_WRITE) };
    }
    default:
      return { ...event, error: Errno.INVAL };
  }
}

/** Files and streams are always ready: none has a way to ask that would not block. */
function readiness(process: WasiProcess, fd: number, writes: boolean): { error: number; bytes: bigint } {
  const descriptor = process.descriptors.at(fd);
  if (!descriptor || descriptor.kind === "directory") return { error: Errno.BADF, bytes: 0n };
  const right = Right.POLL_FD_READWRITE | (writes ? Right.FD_WRITE : Right.FD_READ);
  if ((descriptor.rights & right) !== right) {
    return { error: Errno.NOTCAPABLE, bytes: 0n };
  }
  if (writes) return { error: Errno.SUCCESS, bytes: WRITE_BYTES };
  if (descriptor.kind !== "file") return { error: Errno.SUCCESS, bytes: STREAM_READ_BYTES };
  const left = descriptor.attr().size - descriptor.position;
  return { error: Errno.SUCCESS, bytes: BigInt(Math.max(0, left)) };
}

function putEvent({ view }: GuestMemory, at: number, { userdata, error, type, bytes }: Event): void {
  view.setBigUint64(at, userdata, true);
  view.setUint16(at + 8, error, true);
  view.setUint16(at + 10, type, true);
  view.setUint32(at + 12, 0, true);
  view.setBigUint64(at + 16, bytes, true);
  view.setBigUint64(at + 24, 0n, true);
}

export const POLL_FUNCTIONS: readonly WasiFunction[] = [wasiFunction("poll_oneoff", "iiii", pollOneoff)];
