import { collectGarbage } from "./garbage.ts";
import { Owned, type Pointer } from "./owned.ts";
import type { Native } from "./symbols.ts";
import { takeErrorText, takeText, VEC_BYTES } from "./vector.ts";

/** Why the guest was left before its end. */
export interface Left {
  /** Of a trap by an instruction; absent where the host or wasmtime ended it. */
  readonly code?: TrapCode;
  /** The last line of what wasmtime says: the lines before are a backtrace. */
  readonly message: string;
}

/** Numbers of wasmtime_trap_code_t (wasmtime/trap.h). */
export const TRAP_CODES = [
  "stack overflow",
  "memory out of bounds",
  "heap misaligned",
  "table out of bounds",
  "indirect call to null",
  "bad signature",
  "integer overflow",
  "integer division by zero",
  "bad conversion to integer",
  "unreachable code reached",
  "interrupt",
  "out of fuel",
] as const;
export type TrapCode = typeof TRAP_CODES[number] | `trap ${number}`;

const trapSlot = new BigUint64Array(1);
const trapSlotBytes = new Uint8Array(trapSlot.buffer);
/** A guest never enters another: one Worker has one run at a time. */
let inside = false;

/**
 * The one door into a guest. `call` gets the place where the C function puts a trap, and returns the error that the
 * function returns; both are owned before anything can throw.
 */
export function enter(
  native: Native,
  call: (trap: Uint8Array<ArrayBuffer>) => Deno.PointerValue,
): Left | undefined {
  if (inside) throw new Error("A guest was entered from inside a guest");
  collectGarbage?.();
  trapSlot[0] = 0n;
  inside = true;
  let error: Deno.PointerValue;
  try {
    error = call(trapSlotBytes);
  } finally {
    inside = false;
  }
  if (error === null && trapSlot[0] === 0n) return undefined;
  return leave(native, error, Deno.UnsafePointer.create(trapSlot[0]));
}

function leave(native: Native, error: Deno.PointerValue, trap: Deno.PointerValue): Left {
  using ownedTrap = trap && new Owned("trap", trap, (pointer: Pointer) => native.wasm_trap_delete(pointer));
  if (error !== null) return { message: lastLine(takeErrorText(native, error)) };
  const code = new Uint8Array(1);
  const isCoded = native.wasmtime_trap_code(ownedTrap!.ptr(), code);
  const text = new Uint8Array(VEC_BYTES);
  native.wasm_trap_message(ownedTrap!.ptr(), text);
  const message = lastLine(takeText(native, text));
  return isCoded ? { code: TRAP_CODES[code[0]] ?? `trap ${code[0]}`, message } : { message };
}

function lastLine(text: string): string {
  const lines = text.replace(/\0+$/, "").trimEnd().split("\n");
  return lines[lines.length - 1].trim().slice(0, 500);
}
