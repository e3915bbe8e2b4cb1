/** A line of the table. */
export interface Figure {
  readonly what: string;
  readonly measured: string;
  readonly target?: string;
  /** Undefined where nothing is asked. */
  readonly met?: boolean;
}

export function table(figures: readonly Figure[]): string {
  const lines = figures.map(({ what, measured, target, met }) =>
    `| ${what} | ${measured} | ${target ?? ""} | ${met === undefined ? "" : met ? "yes" : "**no**"} |`
  );
  return ["| what | measured | target | met |", "| --- | --- | --- | --- |", ...lines].join("\n");
}

/** Says at once what is done, since the whole takes long. */
export function say(text: string): void {
  console.error(`${new Date().toISOString().slice(11, 19)} ${text}`);
}

/** The value below which a part of the samples lies. */
export function quantile(samples: readonly number[], part: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}
