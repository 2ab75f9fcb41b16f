{{ rejected('docentes') }}
