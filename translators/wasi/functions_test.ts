import assert from "node:assert/strict";
import { WASI_FUNCTIONS } from "./functions.ts";

/** The witx document as it comes out in core WebAssembly: i is an i32, I an i64. */
const SIGNATURES = `
args_get ii; args_sizes_get ii; environ_get ii; environ_sizes_get ii; clock_res_get ii; clock_time_get iIi;
fd_advise iIIi; fd_allocate iII; fd_close i; fd_datasync i; fd_fdstat_get ii; fd_fdstat_set_flags ii;
fd_fdstat_set_rights iII; fd_filestat_get ii; fd_filestat_set_size iI; fd_filestat_set_times iIIi; fd_pread iiiIi;
fd_prestat_get ii; fd_prestat_dir_name iii; fd_pwrite iiiIi; fd_read iiii; fd_readdir iiiIi; fd_renumber ii;
fd_seek iIii; fd_sync i; fd_tell ii; fd_write iiii; path_create_directory iii; path_filestat_get iiiii;
path_filestat_set_times iiiiIIi; path_link iiiiiii; path_open iiiiiIIii; path_readlink iiiiii;
path_remove_directory iii; path_rename iiiiii; path_symlink iiiii; path_unlink_file iii; poll_oneoff iiii;
proc_exit i; proc_raise i; random_get ii; sched_yield; sock_accept iii; sock_recv iiiiii; sock_send iiiii;
sock_shutdown ii`;

Deno.test("WASI_FUNCTIONS is all of preview 1, with its types", () => {
  const expected = SIGNATURES.split(";").map((row) => row.trim()).sort();
  const found = WASI_FUNCTIONS.map(({ name, params }) =>
    [name, params.map((type) => type === "i32" ? "i" : "I").join("")].join(" ").trim()
  );
  assert.deepEqual(found.sort(), expected);
  for (const { name, results } of WASI_FUNCTIONS) {
    assert.deepEqual(results, name === "proc_exit" ? [] : ["i32"], name);
  }
});
