/** One change of a document in one repo of automerge-repo until another has it; prints milliseconds, the median of some. */
// Names that are found only where they are installed.
const [repoName, networkName] = [
  "@automerge/automerge-repo",
  "@automerge/automerge-repo-network-messagechannel",
];
const { Repo } = await import(repoName);
const { MessageChannelNetworkAdapter } = await import(networkName);

const [entries, changed] = Deno.args.map(Number);
const ROUNDS = 5;
const value = (i: number) => crypto.getRandomValues(new Uint8Array(48)).fill(i & 255, 0, 15);
const key = (i: number) => `directory${i / 100 | 0}/file${i}.txt`;

const { port1, port2 } = new MessageChannel();
const one = new Repo({ network: [new MessageChannelNetworkAdapter(port1)], peerId: "one" });
const two = new Repo({ network: [new MessageChannelNetworkAdapter(port2)], peerId: "two" });
const handle = one.create({});
handle.change((map: Record<string, Uint8Array>) => {
  for (let i = 0; i < entries; i++) map[key(i)] = value(i);
});
const other = await two.find(handle.url);
const times: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const arrived = Promise.withResolvers<void>();
  other.once("change", () => arrived.resolve());
  const started = performance.now();
  handle.change((map: Record<string, Uint8Array>) => {
    for (let i = 0; i < changed; i++) map[key((i * 7 + round) % entries)] = value(i);
  });
  await arrived.promise;
  times.push(performance.now() - started);
}
console.log(times.sort((a, b) => a - b)[ROUNDS >> 1]);
Deno.exit(0);
