/** Events in one of the upstream's streams. */
export const EVENTS_PER_STREAM = 104;
