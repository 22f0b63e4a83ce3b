"""ISO/IEC 23053 as data: its layers, groups, components, pipelines, what plays each part here, how that is probed."""
