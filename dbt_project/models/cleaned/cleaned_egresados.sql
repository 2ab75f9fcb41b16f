{{ cleaned('egresados') }}
