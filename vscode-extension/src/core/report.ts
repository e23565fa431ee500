// "Diagnose": the findings of `inpod check -o json` as a page in Markdown, worst first, that can be read and copied.

import { text, type JsonObject } from './json';

export interface Finding {
  check: string;
  status: 'ok' | 'warning' | 'failed';
  text: string;
  remedy: string;
}

export function readFinding(line: JsonObject): Finding | undefined {
  const status = text(line, 'status');
  if (status !== 'ok' && status !== 'warning' && status !== 'failed') return undefined;
  return { check: text(line, 'check'), status, text: text(line, 'text'), remedy: text(line, 'remedy') };
}

const marks = { ok: '✓', warning: '!', failed: '✗' };

function lines(finding: Finding): string[] {
  const first = `- ${marks[finding.status]} **${finding.check}** (${finding.status}): ${finding.text}`;
  if (finding.status === 'ok' || finding.remedy === '') return [first];
  return [
    first,
    ...finding.remedy.split('\n').map((line, at) => (at === 0 ? `  - To fix it: ${line}` : `    ${line}`)),
  ];
}

export function summary(findings: readonly Finding[]): string {
  const failed = findings.filter((finding) => finding.status === 'failed').length;
  const warnings = findings.filter((finding) => finding.status === 'warning').length;
  const parts = [failed > 0 && `${failed} failed`, warnings > 0 && `${warnings} with a warning`].filter(Boolean);
  return parts.length === 0
    ? `All ${findings.length} checks are fine`
    : `${parts.join(', ')} of ${findings.length} checks`;
}

export interface Circumstances {
  time: string;
  configuration: string;
  target: string;
  inpod: string;
  editor: string;
  extension: string;
}

export function report(findings: readonly Finding[], around: Circumstances): string {
  const section = (title: string, status: Finding['status']): string[] => {
    const found = findings.filter((finding) => finding.status === status);
    return found.length === 0 ? [] : [`## ${title}`, '', ...found.flatMap(lines), ''];
  };
  return [
    '# Inpod: Diagnose',
    '',
    `${summary(findings)}.`,
    '',
    `- Time: ${around.time}`,
    ...(around.configuration === '' ? [] : [`- Launch configuration: ${around.configuration}`]),
    `- Target: ${around.target === '' ? 'none chosen' : around.target}`,
    `- inpod: ${around.inpod}`,
    `- Editor: ${around.editor}, extension ${around.extension}`,
    '',
    ...section('What fails', 'failed'),
    ...section('What may be wrong', 'warning'),
    ...section('What works', 'ok'),
  ].join('\n');
}
