// The debug adapter of type "inpod": `inpod dap`, started for each session. It is a child of the extension, not of VS Code,
// so that what it says on stderr comes into the log, and so that a launch that fails in the cluster is shown with buttons.

import { spawn, type ChildProcess } from 'node:child_process';
import * as vscode from 'vscode';
import { runMark, settledMark } from '../core/configurations';
import { adapterArguments } from '../core/debuggers';
import { Cancelled, errorFromText, InpodError, sentence } from '../core/errors';
import { Decoder, encode } from '../core/framing';
import { cannotStart, end, listenToErrors } from '../core/inpod';
import { isObject, objectOf, text, without, type JsonObject } from '../core/json';
import type { Log } from './log';
import { StartProgress } from './progress';
import type { Sessions } from './sessions';
import { tool } from './settings';

/** `id` of the errors that are inpod's own, not the debugger's. */
const ownError = 7001;
/** `seq` of a cancel request of ours, far from those that VS Code counts up from 1. Its answer is for nobody. */
const cancelSeq = 1_000_000_000;

const seeLog = 'see in the log what it said last';

interface Options {
  inpod: string;
  args: string[];
  cwd: string;
  log: Log;
  failed: (error: InpodError | Cancelled) => void;
  gone: () => void;
}

class InpodAdapter implements vscode.DebugAdapter {
  private readonly messages = new vscode.EventEmitter<vscode.DebugProtocolMessage>();
  readonly onDidSendMessage = this.messages.event;
  private readonly child: ChildProcess;
  private readonly decoder = new Decoder();
  private readonly progress = new StartProgress((progressId) => this.cancel(progressId));
  private disposed = false;
  private over = false;

  constructor(private readonly options: Options) {
    const child = spawn(options.inpod, options.args, { cwd: options.cwd, stdio: ['pipe', 'pipe', 'pipe'] });
    this.child = child;
    child.stdin.on('error', () => undefined); // it has ended, which 'close' tells
    child.stdout.on('data', (chunk: Buffer) => this.read(chunk));
    listenToErrors(child, options.log.line);
    child.once('error', (error) => this.fail(cannotStart(options.inpod, error)));
    child.once('close', (code, signal) => {
      options.log.info(`inpod dap ended (${signal ?? `exit code ${code ?? 0}`}).`);
      // Once it has said that it is over, it has said why, too.
      if (!this.disposed && !this.over && code !== 0)
        this.fail(
          new InpodError(`inpod dap ended unexpectedly (${signal ?? `exit code ${code ?? 0}`})`, seeLog, ['showLog']),
        );
      this.terminated();
    });
  }

  handleMessage(message: vscode.DebugProtocolMessage): void {
    this.child.stdin?.write(encode(withoutMarks(message)));
  }

  /** The end of its stdin ends the debuggee and the session. */
  dispose(): void {
    this.disposed = true;
    this.progress.end();
    end(this.child);
    this.options.gone();
    this.messages.dispose();
  }

  private read(chunk: Buffer): void {
    if (this.disposed) return;
    try {
      for (const message of this.decoder.push(chunk)) this.receive(message);
    } catch (error) {
      this.child.stdout?.removeAllListeners('data').resume();
      this.fail(new InpodError(`inpod dap sends what is no debug protocol: ${String(error)}`, seeLog, ['showLog']));
      end(this.child);
    }
  }

  private cancel(progressId: string): void {
    const request = { seq: cancelSeq, type: 'request', command: 'cancel', arguments: { progressId } };
    this.child.stdin?.write(encode(request));
  }

  private receive(message: JsonObject): void {
    if (this.progress.take(message) || message['request_seq'] === cancelSeq) return;
    if (message['type'] === 'event' && message['event'] === 'terminated') this.over = true;
    if (message['type'] === 'response' && message['success'] === false) this.refused(message);
    this.messages.fire(message);
  }

  /** VS Code would show the bare text in a dialog; ours is a notification with buttons. */
  private refused(response: JsonObject): void {
    const error = objectOf(objectOf(response['body'])['error']);
    const command = response['command'];
    if ((command !== 'launch' && command !== 'initialize') || error['id'] !== ownError) return;
    const cancelled = error['showUser'] === false;
    error['showUser'] = false;
    this.options.failed(cancelled ? new Cancelled() : errorFromText(text(error, 'format')));
  }

  private fail(error: InpodError): void {
    this.options.failed(error);
    this.terminated();
  }

  private terminated(): void {
    this.progress.end();
    if (this.over || this.disposed) return;
    this.over = true;
    this.messages.fire({ type: 'event', event: 'terminated', seq: 0 });
  }
}

function withoutMarks(message: vscode.DebugProtocolMessage): unknown {
  const request = message as unknown as JsonObject;
  const args = request['arguments'];
  if (request['command'] !== 'launch' || !isObject(args)) return message;
  return { ...request, arguments: without(args, runMark, settledMark) };
}

/** VS Code shows an error from here itself, by its message. */
function orShown<R>(work: () => R): R {
  try {
    return work();
  } catch (error) {
    throw new Error(sentence(error), { cause: error });
  }
}

export class AdapterFactory implements vscode.DebugAdapterDescriptorFactory {
  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly log: Log,
    private readonly sessions: Sessions,
    private readonly failed: (error: InpodError | Cancelled, session: vscode.DebugSession) => void,
  ) {}

  createDebugAdapterDescriptor(session: vscode.DebugSession): vscode.DebugAdapterDescriptor {
    const { inpod, flags, trust, cwd } = orShown(() => tool(this.context, session.workspaceFolder));
    const args = [...flags, 'dap', ...trust, ...adapterArguments(session.configuration['debugger'])];
    this.log.info(`${session.name}: ${[inpod, ...args].join(' ')}`);
    if (isObject(session.configuration['cluster'])) this.sessions.begin(session);
    return new vscode.DebugAdapterInlineImplementation(
      new InpodAdapter({
        inpod,
        args,
        cwd,
        log: this.log,
        failed: (error) => this.failed(error, session),
        gone: () => this.sessions.remove(session.id),
      }),
    );
  }
}
