{{ rejected('egresados') }}
