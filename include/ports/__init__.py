"""What the steps need of outside systems, by subject; each adapter in ``include/adapters`` fulfils one of these."""
