/** Cleaning up even when the test run is killed: no machine, node or mount may outlive it. */

/**
 * Starts a shell that runs the script, with the given words as $1, $2, …, when this process ends without having
 * disposed of the guard. It notices by the end of its input, so SIGKILL is noticed too, and an interrupt from the
 * terminal, which reaches the whole group, does not stop it. (`deno test` ends at SIGINT before listeners run.)
 */
export function guard(script: string, ...words: string[]): AsyncDisposable {
  const waiting = `trap '' INT TERM HUP; read -r word; [ "$word" = done ] || { ${script}; }`;
  const child = new Deno.Command("sh", {
    args: ["-c", waiting, "guard", ...words],
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  return {
    async [Symbol.asyncDispose]() {
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode("done\n"));
      await writer.close();
      await child.status;
    },
  };
}
