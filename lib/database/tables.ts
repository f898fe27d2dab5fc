/** Table types of every subject, for kysely. bigint columns are strings on the wire and stay so until parsed. */
export type Database = {};
