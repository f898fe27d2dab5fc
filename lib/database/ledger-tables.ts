import type { ColumnType } from "kysely";

/** Read directly for lists and balances; written only through the ledger's functions. Amounts are nano-dollars. */
export interface LedgerTables {
  readonly credit_account: CreditAccountTable;
  readonly credit_transaction: CreditTransactionTable;
}

interface CreditAccountTable {
  readonly account_id: string;
  readonly allowance: string;
  readonly purchased: string;
  readonly held: string;
  readonly held_shadow: string;
  readonly version: string;
  readonly status: string;
}

interface CreditTransactionTable {
  readonly sequence: string;
  readonly key: string;
  readonly account_id: string;
  readonly kind: string;
  readonly source: string;
  readonly amount: string;
  readonly from_allowance: string;
  readonly from_purchased: string;
  readonly request_id: string | null;
  readonly detail: ColumnType<unknown, string, never>;
  readonly created_at: ColumnType<Date, never, never>;
}
