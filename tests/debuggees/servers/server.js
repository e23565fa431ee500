// A small HTTP server for tests: says that Node answered, and prints each request. Usage: server.js PORT
const http = require('http');
http
  .createServer((request, response) => {
    console.log(request.method, request.url, 'from', request.socket.remoteAddress);
    response.end('by node\n');
  })
  .listen(Number(process.argv[2]), '0.0.0.0', () => console.error('listening'));
