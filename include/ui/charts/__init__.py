"""Pictures: what each shows as a Vega-Lite specification; ``drawing`` makes SVG of it in a process of its own."""
