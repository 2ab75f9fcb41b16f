{{ cleaned('docentes') }}
