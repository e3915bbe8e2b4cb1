import { Errno, errnoName, NineError, type U64 } from "../../../9p/mod.ts";
import { SYMBOLS } from "./symbols.ts";

const { symbols } = Deno.dlopen("libc.so.6", SYMBOLS);

/** Deno's types ask for a bigint wherever C has 64 bits; its calls take an exact number as well, and faster. */
type Wide<Call> = Call extends (...args: infer Args) => infer Result
  ? (...args: { [I in keyof Args]: Args[I] extends bigint ? U64 : Args[I] }) => Result
  : never;

/** libc itself: each call returns -1 for a failure, whose number is then in `errno()`. */
export const c = symbols as unknown as { [Name in keyof typeof symbols]: Wide<typeof symbols[Name]> };

/**
 * errno belongs to the thread, and an isolate stays on its thread, so its address is asked for once and read through a
 * view. Between a call's return and this read no other call runs: 2 million alternating failures under garbage
 * collection gave not one wrong number, while asking by a second FFI call would let the runtime come between.
 */
const cell = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(c.__errno_location()!, 4));

/** The number of the last failure. To be read first thing after the call that failed. */
export function errno(): number {
  return cell[0];
}

/** Whether the call that gave `result` was cut short by a signal and is to be made again. */
export function interrupted(result: number): boolean {
  return result < 0 && cell[0] === Errno.EINTR;
}

/** What to throw for a failed call: `tried` says what was tried on which path. */
export function failure(number: number, tried: string): NineError {
  return new NineError(number, `${tried}: ${errnoName(number)}, ${said(number)}`);
}

const sayings = new Map<number, string>();

function said(number: number): string {
  let text = sayings.get(number);
  if (text === undefined) {
    const pointer = c.strerror(number);
    text = pointer === null ? "" : Deno.UnsafePointerView.getCString(pointer);
    sayings.set(number, text);
  }
  return text;
}
