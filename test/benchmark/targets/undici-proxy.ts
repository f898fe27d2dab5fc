import { createServer } from "node:http";
import { Pool } from "undici";

/** The floor on Node: node:http in, an undici Pool out, bytes piped. Prints its port. */
const pool = new Pool(process.env["UPSTREAM"] ?? "", { connections: 256, pipelining: 1 });
const server = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on("data", (part: Buffer) => parts.push(part));
  request.on("end", () => {
    const headers = { "content-type": "application/json", authorization: "Bearer upstream" };
    pool.stream(
      { method: "POST", path: "/v1/chat/completions", headers, body: Buffer.concat(parts) },
      ({ statusCode, headers: replyHeaders }) => {
        const length = replyHeaders["content-length"];
        response.writeHead(statusCode, {
          "content-type": String(replyHeaders["content-type"]),
          ...(length === undefined ? {} : { "content-length": String(length) }),
        });
        return response;
      },
      () => response.end(),
    );
  });
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  process.stdout.write(`${typeof address === "object" ? address?.port : ""}\n`);
});
