/** Sockets: preview 1 can use one that it was given, and none is ever given. */
import { Errno } from "./errno.ts";
import { type WasiFunction, wasiFunction } from "./function.ts";
import type { GuestMemory } from "./memory.ts";
import type { WasiProcess } from "./process.ts";

function noSocket(process: WasiProcess, _memory: GuestMemory, fd: number): number {
  return process.descriptors.at(fd) ? Errno.NOTSOCK : Errno.BADF;
}

export const SOCKET_FUNCTIONS: readonly WasiFunction[] = [
  wasiFunction("sock_accept", "iii", noSocket),
  wasiFunction("sock_recv", "iiiiii", noSocket),
  wasiFunction("sock_send", "iiiii", noSocket),
  wasiFunction("sock_shutdown", "ii", noSocket),
];
