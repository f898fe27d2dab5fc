// The mark of a reply that was already written has to be a Response of the runtime's own. The first HTTP server of a process
// replaces the global by a faster one, and test files share their process: in ours it is made before, as in `npm start`.
import "@hono/node-server/utils/response";
