// Actual leaves SIGTERM to the kernel, which ignores it for the first process of a container: finish requests, then end.

const { subscribe } = require("node:diagnostics_channel");

let close = (done) => done();
subscribe("tracing:net.server.listen:asyncEnd", ({ server }) => {
    close = server.close.bind(server);
});
process.once("SIGTERM", () => close(() => process.exit()));
