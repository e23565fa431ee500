// Lint rules: the recommended ones of ESLint and typescript-eslint with types, and the two that keep promises from being lost.
import js from '@eslint/js';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist/', 'out/', 'node_modules/'] },
  js.configs.recommended,
  {
    files: ['src/**/*.ts', 'test/unit/**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // VS Code's interfaces ask for the shape of a Disposable, not for the class.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
    },
  },
  {
    files: ['src/core/**/*.ts'],
    rules: { 'no-restricted-imports': ['error', { name: 'vscode', message: 'src/core is tested without an editor.' }] },
  },
  {
    // node:test's describe and it return promises that the runner itself waits for.
    files: ['test/unit/**/*.ts'],
    rules: { '@typescript-eslint/no-floating-promises': 'off' },
  },
  { files: ['**/*.mjs'], languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } } },
  {
    // Functions that are handed to page.evaluate run in the browser.
    files: ['test/editor/**/*.mjs'],
    languageOptions: {
      globals: Object.fromEntries(
        ['Buffer', 'fetch', 'setTimeout', 'clearTimeout', 'document', 'navigator', 'getComputedStyle'].map((name) => [
          name,
          'readonly',
        ]),
      ),
    },
  },
);
