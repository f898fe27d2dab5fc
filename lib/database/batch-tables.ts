import type { ColumnType } from "kysely";

export interface BatchTables {
  readonly stored_file: StoredFileTable;
  readonly stored_file_piece: StoredFilePieceTable;
  readonly batch: BatchTable;
  readonly batch_line: BatchLineTable;
  readonly event_outbox: EventOutboxTable;
}

type Timestamp = ColumnType<Date, never, never>;
type MaybeTimestamp = ColumnType<Date | null, never, never>;

interface StoredFileTable {
  readonly id: string;
  readonly account_id: string;
  readonly purpose: "batch" | "batch_output";
  readonly filename: string;
  readonly bytes: string;
  readonly complete: boolean;
  readonly created_at: Timestamp;
}

interface StoredFilePieceTable {
  readonly file_id: string;
  readonly position: number;
  readonly content: string;
}

export type BatchStatus =
  | "validating"
  | "failed"
  | "in_progress"
  | "finalizing"
  | "completed"
  | "expired"
  | "cancelling"
  | "cancelled";

interface BatchTable {
  readonly id: string;
  readonly account_id: string;
  readonly key_id: string;
  readonly endpoint: string;
  readonly input_file_id: string;
  readonly metadata: ColumnType<unknown, string | null, never>;
  readonly status: BatchStatus;
  readonly outcome: "completed" | "expired" | "cancelled";
  readonly errors: ColumnType<unknown, string | null, string | null>;
  readonly output_file_id: string | null;
  readonly error_file_id: string | null;
  readonly created_at: Timestamp;
  readonly expires_at: Timestamp;
  readonly in_progress_at: MaybeTimestamp;
  readonly finalizing_at: MaybeTimestamp;
  readonly completed_at: MaybeTimestamp;
  readonly failed_at: MaybeTimestamp;
  readonly expired_at: MaybeTimestamp;
  readonly cancelling_at: MaybeTimestamp;
  readonly cancelled_at: MaybeTimestamp;
}

interface BatchLineTable {
  readonly batch_id: string;
  readonly position: number;
  readonly custom_id: string;
  readonly request: string;
  readonly state: "waiting" | "running" | "answered" | "failed";
  readonly generation: number;
  readonly tries: number;
  readonly not_before: Timestamp;
  readonly lease: string | null;
  readonly lease_until: MaybeTimestamp;
  readonly result: string | null;
  readonly failure: ColumnType<unknown, never, string>;
}

interface EventOutboxTable {
  readonly key: string;
  readonly account_id: string;
  readonly type: string;
  readonly data: ColumnType<unknown, string, never>;
  readonly created_at: Timestamp;
}
