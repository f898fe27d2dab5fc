/** A result as Neon's HTTP protocol sends it: every value is text, as Postgres wrote it. */
export interface RawResult {
  readonly command: string;
  readonly rowCount: number;
  readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[];
  readonly rows: readonly (readonly (string | null)[])[];
}

interface RawStatement {
  readonly sql: string;
  readonly parameters: readonly (string | null)[];
}

export interface BatchOptions {
  readonly isolationLevel: string | null;
  readonly readOnly: boolean;
  readonly deferrable: boolean;
}

/** A Postgres that gives back text: what the local server puts behind Neon's HTTP protocol. */
export interface RawSql {
  execute(statement: RawStatement): Promise<RawResult>;
  /** One transaction: all of it, or nothing. */
  batch(statements: readonly RawStatement[], options: BatchOptions): Promise<readonly RawResult[]>;
}

/** The statement that sets a batch's transaction up, or null when it asks for nothing. */
export function transactionStatement({ isolationLevel, readOnly, deferrable }: BatchOptions): string | null {
  const modes = [
    ...(isolationLevel === null ? [] : [`isolation level ${isolationLevel}`]),
    ...(readOnly ? ["read only"] : []),
    ...(deferrable ? ["deferrable"] : []),
  ];
  return modes.length === 0 ? null : `set transaction ${modes.join(", ")}`;
}
