/** Lists of buffers in the guest's memory: `iovec` and `ciovec`, each buf[4] buf_len[4]. */
import { Size } from "./abi.ts";
import { InputStream, IO_BYTES_MAX, type Moving } from "./descriptor.ts";
import { Errno, errnoOfThrown } from "./errno.ts";
import { type GuestMemory, isInside } from "./memory.ts";

/** IOV_MAX of Linux. */
export const IOVECS_MAX = 1024;

const U32_MAX = 0xffffffff;

/** The errno of a list that cannot be, or 0. Every buffer is checked before the first is touched. */
export function checkIovecs(memory: GuestMemory, list: number, count: number): number {
  if (count > IOVECS_MAX) return Errno.INVAL;
  if (!isInside(memory, list, count * Size.IOVEC)) return Errno.FAULT;
  const { view } = memory;
  let sum = 0;
  for (let at = list; at < list + count * Size.IOVEC; at += Size.IOVEC) {
    const length = view.getUint32(at + 4, true);
    if (!isInside(memory, view.getUint32(at, true), length)) return Errno.FAULT;
    sum += length;
  }
  return sum > U32_MAX ? Errno.INVAL : Errno.SUCCESS;
}

/**
 * Moves the buffers of a checked list one after the other, at most IO_BYTES_MAX together, and returns how many bytes.
 * It ends at the first that moves less than there was room for, and for a stream that is read after the first that gets
 * anything: it must not block for more. An error after the first bytes is told by the next call.
 *
 * A buffer may lie over the list itself, so that the entries change while they are used. They are then other buffers,
 * and `subarray` keeps them inside the memory.
 */
export function moveIovecs(
  memory: GuestMemory,
  list: number,
  count: number,
  file: Moving,
  writes: boolean,
  offset: number,
): number {
  const { bytes, view } = memory;
  const once = file instanceof InputStream;
  let done = 0;
  for (let at = list; at < list + count * Size.IOVEC; at += Size.IOVEC) {
    const from = view.getUint32(at, true);
    const length = Math.min(view.getUint32(at + 4, true), IO_BYTES_MAX - done);
    if (length === 0) continue;
    let moved: number;
    try {
      const part = bytes.subarray(from, from + length);
      moved = writes ? file.writeAt(part, offset + done) : file.readAt(part, offset + done);
    } catch (thrown) {
      // Throws on what ends the run.
      errnoOfThrown(thrown);
      if (done > 0) return done;
      throw thrown;
    }
    done += moved;
    if (moved < length || once) return done;
  }
  return done;
}
