import { DESCRIPTOR_FUNCTIONS } from "./descriptor_functions.ts";
import type { WasiFunction } from "./function.ts";
import { IO_FUNCTIONS } from "./io_functions.ts";
import { OPEN_FUNCTIONS } from "./path_open.ts";
import { PATH_FUNCTIONS } from "./path_functions.ts";
import { POLL_FUNCTIONS } from "./poll.ts";
import { PROCESS_FUNCTIONS } from "./process_functions.ts";
import { READDIR_FUNCTIONS } from "./readdir.ts";
import { SOCKET_FUNCTIONS } from "./socket_functions.ts";
import { STRING_FUNCTIONS } from "./string_functions.ts";

/** The module that a guest imports them from. */
export const WASI_MODULE = "wasi_snapshot_preview1";

/** All of preview 1, 46 functions. */
export const WASI_FUNCTIONS: readonly WasiFunction[] = [
  ...STRING_FUNCTIONS,
  ...DESCRIPTOR_FUNCTIONS,
  ...IO_FUNCTIONS,
  ...READDIR_FUNCTIONS,
  ...PATH_FUNCTIONS,
  ...OPEN_FUNCTIONS,
  ...POLL_FUNCTIONS,
  ...PROCESS_FUNCTIONS,
  ...SOCKET_FUNCTIONS,
];
