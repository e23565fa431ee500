// A gate in front of the cluster's API server: passes everything on, and holds back what a test wants held, so that a
// start stands still at a known stage for as long as the test likes. It speaks plain HTTP on loopback and acts with the
// credentials of the admin's kubeconfig, so it can see what is asked.
import http from 'node:http';
import https from 'node:https';
import { once } from 'node:events';

export class ApiGate {
  static async open(shop) {
    const config = await shop.kubeconfig();
    const { cluster } = config.clusters[0];
    const { user } = config.users[0];
    const decoded = (text) => text && Buffer.from(text, 'base64');
    const gate = new ApiGate(new URL(cluster.server), {
      ca: decoded(cluster['certificate-authority-data']),
      cert: decoded(user['client-certificate-data']),
      key: decoded(user['client-key-data']),
      headers: user.token ? { authorization: `Bearer ${user.token}` } : {},
    });
    gate.server.listen(0, '127.0.0.1');
    await once(gate.server, 'listening');
    config.clusters[0].cluster = { server: `http://127.0.0.1:${gate.server.address().port}` };
    config.users[0].user = {};
    /** Text of a kubeconfig that goes through the gate. */
    gate.kubeconfig = JSON.stringify(config, null, 2);
    return gate;
  }

  constructor(server, credentials) {
    this.api = server;
    this.credentials = credentials;
    this.sockets = new Set();
    this.server = http.createServer((request, response) => this.#pass(request, response));
    this.server.on('upgrade', (request, socket, head) => this.#passStream(request, socket, head));
    this.server.on('connection', (socket) => this.#keep(socket));
    this.pass();
  }

  /** Nothing is held any more; what was held stays so, until its asker goes away. */
  pass() {
    this.held = null;
  }

  /**
   * From now on requests that match ("GET /path?query") are held. `after`: a stream (WebSocket) is let through, and what the client
   * sends on it is held once the server has sent that many bytes. The result resolves when the first one is held.
   */
  hold(which, { after } = {}) {
    return new Promise((resolve) => (this.held = { which, after, caught: resolve }));
  }

  async close() {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  #keep(socket) {
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => {});
  }

  #holds(request) {
    return this.held?.which.test(`${request.method} ${request.url}`) ? this.held : null;
  }

  #ask(request) {
    const headers = { ...request.headers, host: this.api.host, ...this.credentials.headers };
    const { ca, cert, key } = this.credentials;
    const { hostname, port } = this.api;
    return https.request({
      hostname,
      port,
      method: request.method,
      path: request.url,
      headers,
      ca,
      cert,
      key,
      agent: false,
    });
  }

  #pass(request, response) {
    const hold = this.#holds(request);
    if (hold) return hold.caught();
    const asked = this.#ask(request);
    asked.on('response', (answer) => {
      delete answer.headers.connection; // that of this hop is our own affair
      response.writeHead(answer.statusCode, answer.headers);
      response.flushHeaders(); // a watch may have nothing more to say for long
      answer.pipe(response);
    });
    asked.on('error', () => response.destroy());
    response.on('close', () => asked.destroy());
    request.pipe(asked);
  }

  #passStream(request, socket, head) {
    const hold = this.#holds(request);
    if (hold && hold.after === undefined) return hold.caught();
    const asked = this.#ask(request);
    const headOf = (answer) => {
      const lines = [`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`];
      for (let i = 0; i < answer.rawHeaders.length; i += 2)
        lines.push(`${answer.rawHeaders[i]}: ${answer.rawHeaders[i + 1]}`);
      return `${lines.join('\r\n')}\r\n\r\n`;
    };
    asked.on('error', () => socket.destroy());
    socket.on('close', () => asked.destroy());
    asked.on('response', (answer) => {
      socket.write(headOf(answer));
      answer.pipe(socket);
    });
    asked.on('upgrade', (answer, api, first) => {
      this.#keep(api);
      socket.write(headOf(answer));
      socket.write(first);
      api.write(head);
      let sent = first.length;
      api.on('data', (data) => {
        sent += data.length;
        if (hold && sent > hold.after) {
          socket.unpipe(api);
          hold.caught();
        }
        socket.write(data);
      });
      socket.pipe(api);
      api.on('close', () => socket.destroy());
      socket.on('close', () => api.destroy());
    });
    asked.end();
  }
}
