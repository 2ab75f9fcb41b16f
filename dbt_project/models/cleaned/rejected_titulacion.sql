{{ rejected('titulacion') }}
