"""Moving the service to another operator or engine while it runs: `export`, `import` (docs/moving.md)."""
